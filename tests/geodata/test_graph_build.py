"""Cutting streets into edges, and the turns between them."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.building.barriers import GATE_DELAY_S
from geodata.building.graph_build import MIN_LENGTH_M, morton_code
from geodata.cities.city import CityError
from geodata.streets.graph import Profile, StreetGraph
from tests.geodata.sources import ban, build, edge, following, way

# A crossing at 0 with arms to the west 1, east 2, south 3, north 4.
CROSS = {0: (0, 0), 1: (-1, 0), 2: (1, 0), 3: (0, -1), 4: (0, 1)}
ARMS = [way(10, 1, 0), way(20, 0, 2), way(30, 3, 0), way(40, 0, 4)]
WEST = (-1.0, 0.0)


def test_streets_are_cut_where_they_meet() -> None:
    graph, _ = build(CROSS, [way(10, 1, 0, 2), way(30, 3, 0, 4)])
    assert len(graph.node_lon) == 5
    assert graph.edge_count == 8
    assert graph.length_m == pytest.approx(100.0, rel=1e-4)


def test_bends_stay_inside_one_edge() -> None:
    graph, _ = build({0: (0, 0), 1: (1, 0), 2: (1, 1)}, [way(1, 0, 1, 2)])
    assert graph.edge_count == 2
    assert graph.length_m[0] == pytest.approx(200.0, rel=1e-4)
    assert abs(int(graph.last_vertex[0]) - int(graph.first_vertex[0])) == 2


def test_ring_street_has_a_beginning() -> None:
    graph, _ = build({0: (0, 0), 1: (1, 0), 2: (1, 1)}, [way(1, 0, 1, 2, 0)])
    assert graph.edge_count == 2
    assert graph.tail[0] == graph.head[0]


def test_street_crossing_itself_is_cut() -> None:
    graph, _ = build({0: (0, 0), 1: (2, 0), 2: (1, 1), 3: (1, -1), 9: (1, 0)}, [way(1, 0, 9, 1, 2, 9, 3)])
    assert graph.edge_count == 6


def test_missing_nodes_split_the_street_and_nothing_is_joined() -> None:
    places = {0: (0, 0), 1: (1, 0), 3: (3, 0), 4: (4, 0)}
    graph, counts = build(places, [way(1, 0, 1, 2, 3, 4), way(2, 77, 0), way(3, 78, 79)])
    assert graph.edge_count == 4
    assert graph.length_m == pytest.approx(100.0, rel=1e-4)
    assert counts["way_with_missing_nodes"] == 3
    assert counts["missing_way_nodes"] == 4
    assert counts["piece_of_one_node"] == 1


def test_broken_streets_are_counted_and_the_rest_is_used() -> None:
    places = {**CROSS, 5: (0, 1), 6: (500.0, 0)}
    broken = [way(50, 2), way(51, 1, 1), way(52, 4, 5), way(53, 0, 2, highway="proposed"), way(10, 1, 0)]
    graph, counts = build(places, ARMS + broken)
    assert {key: counts[key] for key in ("way_with_one_node", "way_of_unknown_highway", "way_twice", "piece_of_one_node")} == {
        "way_with_one_node": 1,
        "way_of_unknown_highway": 1,
        "way_twice": 1,
        "piece_of_one_node": 1,
    }
    # Two nodes at one place keep their connection.
    assert counts["zero_length_piece_kept"] == 1
    assert graph.length_m.min() == pytest.approx(MIN_LENGTH_M)
    assert graph.edge_count == 10


def test_nodes_without_a_possible_place_are_missing() -> None:
    source_places = {**CROSS}
    graph, counts = build({**source_places, 5: (float("nan"), 0), 6: (1e9, 0)}, [*ARMS, way(60, 0, 5), way(61, 0, 6)])
    assert counts["node_with_bad_place"] == 2
    assert graph.edge_count == 8


def test_no_street_at_all_is_refused() -> None:
    with pytest.raises(CityError, match="No street is left"):
        build(CROSS, [way(1, 0, 1, highway="proposed")])


def test_one_way_street_is_closed_to_cars_backwards_and_open_to_feet() -> None:
    graph, _ = build(CROSS, [way(10, 1, 0, oneway="yes"), *ARMS[1:]])
    back = int(graph.twin[edge(graph, 10, WEST)])
    assert np.isinf(graph.car.time_s[back])
    assert np.isfinite(graph.foot.time_s[back])
    assert following(graph, edge(graph, 20, (1, 0))) == {30, 40}
    assert following(graph, edge(graph, 20, (1, 0)), "foot") == {10, 30, 40}


def test_turning_back_only_at_dead_ends() -> None:
    graph, _ = build(CROSS, ARMS)
    assert following(graph, edge(graph, 10, WEST)) == {20, 30, 40}
    assert following(graph, int(graph.twin[edge(graph, 10, WEST)])) == {-1}


def test_car_turns_back_where_only_a_path_goes_on() -> None:
    graph, _ = build(CROSS, [ARMS[0], way(20, 0, 2, highway="footway")])
    assert following(graph, edge(graph, 10, WEST)) == {-1}
    assert following(graph, edge(graph, 10, WEST), "foot") == {20}


@pytest.mark.parametrize(
    ("restriction", "after", "outcome"),
    [
        (ban("no_left_turn", 10, 0, 40), {20, 30}, "restriction_applied"),
        (ban("only_straight_on", 10, 0, 20), {20}, "restriction_applied"),
        (ban("no_left_turn", 10, 0, 40, modes=("emergency",)), {20, 30, 40}, "restriction_not_for_police"),
        (ban("no_left_turn", 10, 0, 40, modes=("psv",)), {20, 30, 40}, "restriction_not_for_police"),
        (ban("no_left_turn", 10, 0, 40, modes=("bicycle",)), {20, 30}, "restriction_applied"),
        (ban("no_left_turn", 10, 0, 99), {20, 30, 40}, "restriction_with_missing_way"),
        (ban("no_left_turn", 10, 88, 40), {20, 30, 40}, "restriction_with_missing_via"),
        (ban("no_left_turn", 10, None, 40, via_ways=(99,)), {20, 30, 40}, "restriction_with_missing_via"),
        (ban("no_left_turn", 10, None, 40, via_ways=(20,)), {20, 30, 40}, "restriction_without_effect"),
        (ban("maybe_left_turn", 10, 0, 40), {20, 30, 40}, "restriction_of_unknown_kind"),
        (ban("no_left_turn", 10, 2, 40), {20, 30, 40}, "restriction_without_effect"),
    ],
)
def test_restrictions(restriction: object, after: set[int], outcome: str) -> None:
    graph, counts = build(CROSS, ARMS, restrictions=[restriction])
    assert following(graph, edge(graph, 10, WEST)) == after
    assert following(graph, edge(graph, 10, WEST), "foot") == {20, 30, 40}
    assert {key: n for key, n in counts.items() if key.startswith("restriction_")} == {outcome: 1}


def test_several_only_restrictions_leave_all_their_targets() -> None:
    graph, _ = build(CROSS, ARMS, restrictions=[ban("only_straight_on", 10, 0, 20), ban("only_right_turn", 10, 0, 30)])
    assert following(graph, edge(graph, 10, WEST)) == {20, 30}


def test_restriction_on_a_way_that_runs_through_the_node_is_not_guessed() -> None:
    graph, counts = build(CROSS, [way(10, 1, 0, 2), *ARMS[2:]], restrictions=[ban("no_left_turn", 10, 0, 40)])
    assert counts["restriction_ambiguous"] == 1
    assert 40 in following(graph, edge(graph, 10, WEST))


# A street 1–2–3–4 to the east, with side streets to the north of 2 and of 3.
LADDER = {1: (0, 0), 2: (1, 0), 3: (2, 0), 4: (3, 0), 12: (1, 1), 13: (2, 1)}
RUNGS = [way(10, 1, 2), way(20, 2, 3), way(30, 3, 4), way(42, 2, 12), way(43, 3, 13)]


def after_driving(graph: StreetGraph, way_id: int, tail: tuple[float, float], *ways: int) -> set[int]:
    """Way ids that may follow a drive along ways, the first told by where it begins; -1 is turning back."""
    car = graph.car

    def onward(state: int) -> list[int]:
        return [int(s) for s in car.next_edge[car.next_ptr[state] : car.next_ptr[state + 1]]]

    state = edge(graph, way_id, tail)
    for way_id in ways:
        (state,) = [s for s in onward(state) if graph.way_id[car.state_edge[s]] == way_id]
    turned_back = graph.twin[car.state_edge[state]]
    return {-1 if (e := car.state_edge[s]) == turned_back else int(graph.way_id[e]) for s in onward(state)}


def test_what_is_forbidden_over_a_way_is_so_for_those_alone_who_came_that_way() -> None:
    graph, counts = build(LADDER, RUNGS, restrictions=[ban("no_left_turn", 10, None, 43, via_ways=(20,))])
    assert counts["restriction_over_ways_applied"] == 1
    assert graph.car.copy_of.tolist() == [edge(graph, 20, (1, 0))]
    assert after_driving(graph, 10, (0, 0), 20) == {30}
    assert after_driving(graph, 42, (1, 1), 20) == {30, 43}
    assert after_driving(graph, 20, (1, 0)) == {30, 43}
    assert len(graph.foot.copy_of) == 0


def test_the_only_way_on_over_a_way_holds_from_its_first_street() -> None:
    graph, _ = build(LADDER, RUNGS, restrictions=[ban("only_straight_on", 10, None, 30, via_ways=(20,))])
    assert after_driving(graph, 10, (0, 0)) == {20}
    assert after_driving(graph, 10, (0, 0), 20) == {30}
    assert after_driving(graph, 42, (1, 1), 20) == {30, 43}


def test_several_ways_in_any_order_and_in_pieces_make_one_run() -> None:
    places = {**LADDER, 5: (4, 0), 15: (3, 1)}
    ways = [way(10, 1, 2), way(20, 2, 3, 4), way(42, 2, 12), way(43, 3, 13), way(30, 4, 5), way(44, 4, 15), way(25, 5, 15)]
    graph, counts = build(places, ways, restrictions=[ban("no_left_turn", 10, None, 25, via_ways=(30, 20))])
    assert counts["restriction_over_ways_applied"] == 1
    assert after_driving(graph, 10, (0, 0), 20, 20, 30) == {-1}
    assert after_driving(graph, 30, (3, 0)) == {25}


def test_runs_that_overlap_are_all_kept() -> None:
    """One forbidden run begins in the middle of another that is left before its end."""
    places = {**LADDER, 5: (4, 0), 14: (3, 1)}
    ways = [way(10, 1, 2), way(20, 2, 3), way(30, 3, 4), way(40, 4, 5), way(42, 2, 12), way(43, 3, 13), way(44, 4, 14), way(50, 5, 14)]
    long = ban("no_u_turn", 10, None, 50, via_ways=(20, 30, 40))
    short = ban("no_left_turn", 20, None, 44, via_ways=(30,))
    graph, _ = build(places, ways, restrictions=[long, short])
    assert after_driving(graph, 10, (0, 0), 20, 30) == {40}
    assert after_driving(graph, 42, (1, 1), 20, 30) == {40}
    assert after_driving(graph, 43, (2, 1), 30) == {40, 44}
    assert after_driving(graph, 10, (0, 0), 20, 30, 40) == {-1}
    assert after_driving(graph, 42, (1, 1), 20, 30, 40) == {50}


def test_a_run_whose_side_cannot_be_told_is_not_guessed() -> None:
    runs_on = [way(10, 1, 2, 12), *RUNGS[1:3], way(43, 3, 13)]
    graph, counts = build(LADDER, runs_on, restrictions=[ban("no_left_turn", 10, None, 43, via_ways=(20,))])
    assert counts["restriction_ambiguous"] == 1
    assert len(graph.car.copy_of) == 0


def test_a_maze_of_via_ways_is_given_up() -> None:
    side = 8
    places = {y * side + x: (float(x), float(y)) for y in range(side) for x in range(side)}
    rows = [way(100 + y, *(y * side + x for x in range(side))) for y in range(1, side)]
    columns = [way(200 + x, *(y * side + x for y in range(side))) for x in range(side)]
    ways = [way(1, 0, 1), *rows, *columns, way(2, side * side - 1, 0)]
    maze = tuple(w.way_id for w in rows + columns)
    _, counts = build(places, ways, restrictions=[ban("no_u_turn", 1, None, 2, via_ways=maze)])
    assert counts["restriction_ambiguous"] == 1


def test_e_bikes_keep_restrictions_that_are_not_for_cars_alone() -> None:
    left, right = ban("no_left_turn", 10, 0, 40), ban("no_right_turn", 10, 0, 30, modes=("bicycle",))
    graph, counts = build(CROSS, ARMS, restrictions=[left, right])
    west = edge(graph, 10, WEST)
    assert following(graph, west) == {20}
    assert following(graph, west, "ebike") == {20, 30}
    assert counts["restriction_applied"] == 2


def test_post_stops_cars_and_not_feet() -> None:
    graph, counts = build(CROSS, [way(10, 1, 0, 2)], node_tags={0: {"barrier": "bollard"}})
    west = edge(graph, 10, WEST)
    assert following(graph, west) == {-1}
    assert following(graph, west, "foot") == {10}
    assert following(graph, west, "ebike") == {10}
    assert counts["barrier_closed_to_cars"] == 1


def test_stile_stops_e_bikes_too() -> None:
    graph, _ = build(CROSS, [way(10, 1, 0, 2)], node_tags={0: {"barrier": "stile"}})
    west = edge(graph, 10, WEST)
    assert [following(graph, west, profile) for profile in ("car", "ebike", "foot")] == [{-1}, {-1}, {10}]


@pytest.mark.parametrize(
    ("tags", "stops"),
    [
        ({"barrier": "gate", "access": "private"}, True),
        ({"barrier": "gate", "locked": "yes"}, True),
        ({"barrier": "gate", "access": "no", "emergency": "yes"}, False),
        ({"barrier": "gate"}, False),
        ({"barrier": "toll_booth"}, False),
    ],
)
def test_closed_gates_stop_units_where_the_city_is_built_so(tags: dict[str, str], stops: bool) -> None:
    for closed_ways_pass in (True, False):
        graph, _ = build(CROSS, [way(10, 1, 0, 2)], node_tags={0: tags}, closed_ways_pass=closed_ways_pass)
        west = edge(graph, 10, WEST)
        expected = {-1} if stops and not closed_ways_pass else {10}
        assert (following(graph, west), following(graph, west, "ebike")) == (expected, expected)
        assert following(graph, west, "foot") == {10}


def test_closed_roads_are_no_roads_where_the_city_is_built_so() -> None:
    ways = [way(10, 1, 0, access="private"), *ARMS[1:]]
    passed, stopped = build(CROSS, ways)[0], build(CROSS, ways, closed_ways_pass=False)[0]
    assert passed.car_edge_count == 8
    assert stopped.car_edge_count == 6
    assert np.isfinite(stopped.foot.time_s).all()


def test_gate_delays_once() -> None:
    plain, _ = build(CROSS, [way(10, 1, 0), way(20, 0, 2)])
    gated, counts = build(CROSS, [way(10, 1, 0, 2)], node_tags={0: {"barrier": "gate"}})
    west = edge(gated, 10, WEST)
    onward = gated.car.next_edge[gated.car.next_ptr[west]]
    through_s = gated.car.time_s[west] + gated.car.time_s[onward]
    assert through_s == pytest.approx(2 * plain.car.time_s[0] + GATE_DELAY_S, rel=1e-4)
    assert counts["barrier_passable"] == 1


def test_names_are_numbered_with_the_empty_one_first() -> None:
    graph, _ = build(CROSS, [way(10, 1, 0, name="中山路"), way(20, 0, 2, ref="G15"), way(30, 3, 0), way(40, 0, 4, name="a\nb")])
    assert graph.names[0] == ""
    assert set(graph.names) == {"", "中山路", "G15", "a b"}
    assert graph.names[graph.name_index[edge(graph, 10, WEST)]] == "中山路"


def test_morton_code_interleaves_the_bits() -> None:
    x, y = np.array([0.0, 1.0, 0.0, 1.0, 2.0, 65536.0]), np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    assert morton_code(x, y).tolist() == [0, 1, 2, 3, 4, 1 << 32]


def check_profile(graph: StreetGraph, profile: Profile) -> None:
    usable = np.isfinite(profile.time_s)
    assert (profile.time_s > 0).all()
    turns = {(e, int(f)) for e in range(graph.edge_count) for f in profile.next_edge[profile.next_ptr[e] : profile.next_ptr[e + 1]]}
    back = {
        (int(f), e) for e in range(graph.edge_count) for f in profile.previous_edge[profile.previous_ptr[e] : profile.previous_ptr[e + 1]]
    }
    assert turns == back
    for e, f in turns:
        assert usable[e]
        assert usable[f]
        assert graph.head[e] == graph.tail[f]
    for e in np.flatnonzero(usable):
        onward = {f for f in np.flatnonzero(usable & (graph.tail == graph.head[e])) if f != graph.twin[e]}
        expected = onward or ({graph.twin[e]} if usable[graph.twin[e]] else set())
        assert {f for a, f in turns if a == e} == expected


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 11), min_size=1, max_size=6),
            st.sampled_from(["residential", "primary", "footway", "motorway"]),
            st.sampled_from(["yes", "no", "-1"]),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_any_streets_make_a_sound_graph(streets: list[tuple[list[int], str, str]]) -> None:
    # Nodes 10 and 11 are missing.
    places = {i: (float(i % 4), float(i // 4) + 0.1 * (i % 3)) for i in range(10)}
    ways = [way(n, *nodes, highway=highway, oneway=oneway) for n, (nodes, highway, oneway) in enumerate(streets)]
    try:
        graph, _ = build(places, ways)
    except CityError:
        drawn = [(a, b) for nodes, _, _ in streets for a, b in itertools.pairwise(nodes)]
        assert not any(a != b and a < 10 and b < 10 for a, b in drawn)
        return
    twin = graph.twin
    assert (twin[twin] == np.arange(graph.edge_count)).all()
    assert (graph.tail == graph.head[twin]).all()
    assert (graph.first_vertex == graph.last_vertex[twin]).all()
    for vertex, node in ((graph.first_vertex, graph.tail), (graph.last_vertex, graph.head)):
        assert graph.vertex_x[vertex] == pytest.approx(graph.node_x[node])
        assert graph.vertex_y[vertex] == pytest.approx(graph.node_y[node])
    assert set(graph.tail) == set(range(len(graph.node_lon)))
    # Every step of every street lies in exactly one piece.
    steps = Counter()
    for nodes, _, _ in streets:
        steps.update(frozenset(pair) for pair in itertools.pairwise(nodes) if pair[0] != pair[1] and max(pair) < 10)
    length_m = sum(n * 100.0 * np.hypot(*np.subtract(*(places[i] for i in pair))) for pair, n in steps.items())
    assert graph.length_m.sum(dtype=np.float64) / 2 == pytest.approx(length_m, rel=1e-3)
    check_profile(graph, graph.car)
    check_profile(graph, graph.foot)
    check_profile(graph, graph.ebike)
