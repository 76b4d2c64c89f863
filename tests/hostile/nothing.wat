;; Wants nothing and is no provider.
(component)
