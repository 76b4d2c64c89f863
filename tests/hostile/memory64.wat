;; Uses 64-bit memory, which is switched off: bounds checks there have had faults of their own.
(component
  (core module
    (memory i64 1)))
