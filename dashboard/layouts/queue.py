"""The queue of open incidents on the left. Rows come by client-side transactions; `rowData` is written once, empty."""

from __future__ import annotations

import dash_ag_grid as dag
from dash import html

from dashboard import ids
from dashboard.layouts.page import Page
from dashboard.layouts.parts import icon

# Height of a card; the client makes rows taller on a wall.
ROW_HEIGHT_PX = 74


def queue(page: Page) -> html.Aside:
    """Heading, filters, the list, and what is said when it is empty."""
    words = page.words
    return html.Aside(
        [
            html.Div(
                [
                    html.H2([words("Incidents"), html.Span("0", id=ids.QUEUE_COUNT, className="total")]),
                    html.Button(
                        [icon("plus"), html.Span(words("New"))], id=ids.NEW_OPEN, className="primary", title=words("New incident (n)")
                    ),
                ],
                className="queue-head",
            ),
            html.Div(
                [
                    html.Button(words("Open"), **{"data-filter": "open", "aria-pressed": "true"}),
                    html.Button(words("Not pushed"), **{"data-filter": "waiting", "aria-pressed": "false"}),
                    html.Button(
                        words("Mine"), **{"data-filter": "mine", "aria-pressed": "false"}, title=words("My organisation's, or pushed by me")
                    ),
                    html.Button(
                        [words("Supervision"), html.Span(id=ids.QUEUE_SUPERVISED, className="total")],
                        **{"data-filter": "supervised", "aria-pressed": "false"},
                        title=words("Late steps of grades that raise no alarm"),
                    ),
                ],
                id=ids.QUEUE_FILTER,
                className="segments",
                role="group",
            ),
            html.Div(
                [
                    dag.AgGrid(
                        id=ids.QUEUE,
                        rowData=[],
                        getRowId="params.data.incident_id",
                        columnDefs=[
                            {"field": "order", "sort": "asc", "hide": True},
                            # The grid draws a cell again when its value changes: `face` is everything a card shows.
                            {"field": "face", "cellRenderer": "IncidentCard", "flex": 1, "sortable": False},
                        ],
                        dashGridOptions={
                            "headerHeight": 0,
                            "rowHeight": ROW_HEIGHT_PX,
                            "suppressCellFocus": True,
                            "animateRows": True,
                            "suppressNoRowsOverlay": True,
                            "suppressContextMenu": True,
                            "suppressScrollOnNewData": True,
                        },
                        style={"height": "100%", "width": "100%"},
                    ),
                    html.P(words("Waiting for the first picture…"), id=ids.QUEUE_EMPTY, className="empty"),
                ],
                className="queue-list",
            ),
        ],
        id=ids.QUEUE_PANEL,
    )
