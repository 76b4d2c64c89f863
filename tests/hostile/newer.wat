;; Built for a contract that this host does not know.
(component
  (import "claviger:provider/clock@0.2.0" (instance (export "now-ms" (func (result u64))))))
