"""The README's generated parts: what should stand in them, and the means to write it there."""

from pathlib import Path

from framework import exit_codes, settings

README = Path(__file__).parents[2] / "README.md"


def with_generated_parts(text: str) -> str:
    """The text of the README with both tables as the code has them."""
    text = _filled(text, "settings", settings.reference_markdown())
    return _filled(text, "exit codes", exit_codes.reference_markdown())


def _filled(text: str, part: str, table: str) -> str:
    begin, end = text.index(f"<!-- {part}: "), text.index(f"<!-- end of {part} -->")
    first_line = text[begin : text.index("\n", begin)]
    return f"{text[:begin]}{first_line}\n\n{table.strip()}\n\n{text[end:]}"


if __name__ == "__main__":
    README.write_text(with_generated_parts(README.read_text()))
