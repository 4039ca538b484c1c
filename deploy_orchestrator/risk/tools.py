"""Migration tools, and the words for what they do."""

import re
from typing import Final

_TOOL: Final = re.compile(
    r"(?<![a-z])(alembic|atlas|bytebase|dbmate|diesel|drizzle-kit|flyway|gh-ost|goose|golang-migrate|hibernate|knex|"
    r"liquibase|phinx|prisma|pt-online-schema-change|refinery|sequelize|skeema|sqitch|sqlx|typeorm|yoyo|"
    r"migrat(?:e|es|or|ion|ions)|db[-_ :]?(?:init|migrate|setup|sync|upgrade)|upgrade[-_ ]?db|"
    r"schema[-_ :]?(?:change|sync|update|upgrade))(?![a-z])",
    re.IGNORECASE,
)


def tool_in(text: str) -> str | None:
    """The first word of a text for a migration, or for what migrates; None where there is none."""
    found = _TOOL.search(text)
    return found[0].lower() if found else None


def is_tool(word: str) -> bool:
    """Whether a word as a whole is one for a migration, or for what migrates."""
    return _TOOL.fullmatch(word) is not None
