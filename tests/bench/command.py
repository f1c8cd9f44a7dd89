def measure(options) -> int:
    raise NotImplementedError
