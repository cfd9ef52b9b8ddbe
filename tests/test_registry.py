import pytest

from torchcaps.registry import Registry


@pytest.fixture
def planets():
    table = Registry("planet")
    table.add("mars")(4)
    table.add("venus")(2)
    return table


def test_what_was_entered_is_found_in_the_order_of_entry(planets):
    assert planets["mars"] == 4
    assert list(planets) == ["mars", "venus"]
    assert len(planets) == 2
    assert "venus" in planets
    assert "pluto" not in planets


def test_adding_hands_the_entry_back_so_that_it_decorates():
    table = Registry("function")

    @table.add("double")
    def double(x):
        return 2 * x

    assert table["double"] is double


def test_a_second_entry_of_one_name_is_refused_and_the_first_stays(planets):
    with pytest.raises(ValueError, match="planet 'mars' is registered already; choose another"):
        planets.add("mars")(5)
    assert planets["mars"] == 4


def test_an_unknown_name_lists_the_known_ones_and_the_nearest(planets):
    text = r"^unknown planet 'vemus'; known: mars, venus; did you mean 'venus'\?$"
    with pytest.raises(ValueError, match=text):
        planets["vemus"]


def test_a_name_near_to_nothing_gets_no_guess(planets):
    with pytest.raises(ValueError, match=r"^unknown planet 'xxxxxxxx'; known: mars, venus$"):
        planets["xxxxxxxx"]


def test_a_lazy_entry_is_known_and_described_before_it_is_loaded_once():
    table, loads = Registry("planet"), []
    table.add("mars", about="the red one")(4)
    table.add_lazy("venus", "the hot one", lambda: loads.append(1) or 2)
    assert list(table) == ["mars", "venus"]
    assert (table.about("mars"), table.about("venus")) == ("the red one", "the hot one")
    assert loads == []
    assert (table["venus"], table["venus"]) == (2, 2)
    assert loads == [1]
    assert list(table) == ["mars", "venus"]


def test_a_lazy_entry_takes_its_name():
    table = Registry("planet")
    table.add_lazy("mars", "", lambda: 4)
    with pytest.raises(ValueError, match="planet 'mars' is registered already"):
        table.add("mars")(5)
    with pytest.raises(ValueError, match="planet 'mars' is registered already"):
        table.add_lazy("mars", "", lambda: 5)
    with pytest.raises(ValueError, match="unknown planet 'mras'"):
        table.about("mras")
