"""The pages of the manual: every one is there, is split at its headings, and is found by words."""

from __future__ import annotations

import re

import pytest

from tui_balancer.embedding.families.table import FAMILIES, MODELS
from tui_balancer.errors import UserError
from tui_balancer.manual.pages import PAGES, page, search, sections, title


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_its_sections_put_together(name: str) -> None:
    together = "\n".join(
        line
        for section in sections(name)
        for line in (f"{'#' * section.level} {section.heading}", *section.text.splitlines())
    )
    assert together.split() == page(name).split()
    assert [one.level for one in sections(name)].count(1) == 1
    assert page(name).startswith(f"# {title(name)}\n")


def test_no_heading_is_taken_from_code() -> None:
    headings = {section.heading for name in PAGES for section in sections(name)}
    assert "SBATCH --signal=B:USR1@60" not in headings
    assert not any(heading.startswith("Headers of more") for heading in headings)


def test_a_search_finds_all_words_in_any_case_and_headings_first() -> None:
    found = search("LONG sequences")
    assert found[0].heading == "Long sequences"
    assert found[0].page == "models"
    assert len(found) > 1
    assert all("long" in f"{one.heading} {one.text}".lower() for one in found)
    assert search("xyzzy") == ()


def test_a_search_without_a_section_for_all_words_finds_those_with_the_most() -> None:
    assert search("xyzzy long sequences") == search("long sequences")


def test_an_unknown_page_names_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"no page 'x' in the manual: choose from getting-started"):
        page("x")


def test_the_page_of_models_names_every_model_and_its_licence() -> None:
    text = page("models")
    for family in FAMILIES.values():
        for name, model in family.models.items():
            assert f"`{name}`" in text
            assert model.licence in text


def test_the_table_of_parity_has_every_family_within_the_bound_of_float32() -> None:
    (parity,) = (one.text for one in sections("models") if one.heading == "Parity")
    compared = {MODELS[name].family for name in re.findall(r"^\| `([^`]+)`", parity, re.MULTILINE)}
    assert compared == FAMILIES.keys()
    errors = [float(one) for one in re.findall(r"\d+e-\d+", parity)]
    assert len(errors) >= 4 * 5 * len(FAMILIES)
    assert max(errors) <= 1e-5
