;; Wants files. Whatever else it exports, the name of this import is why it is refused.
(component
  (import "wasi:filesystem/preopens@0.2.0" (instance)))
