"""The README says what the code does where it can be checked."""

from tests.support.readme import README, with_generated_parts


def test_settings_and_exit_codes_are_up_to_date() -> None:
    text = README.read_text()
    assert text == with_generated_parts(text), "run scripts/docs"
