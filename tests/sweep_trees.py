"""What a directory holds, to compare two sweeps byte by byte."""


def tree(directory):
    """The bytes of every file below a directory, hidden ones too."""
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }
