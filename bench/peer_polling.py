"""The polling peer of `bench loop`: queue, timeline and officers' pages as a careful Dash application makes them with `dcc.Interval`.

Every page asks once a second. What has not changed for it since its last answer is not sent again (`no_update`): the best that polling can
do. State lies in SQLite, written as durably as ours: one transaction a command, write-ahead log, `synchronous=FULL`. Callbacks are async on
Dash's FastAPI server, which took less CPU for each poll than its Flask server under gunicorn or waitress (0.52, 0.55, 0.59 ms).
Arguments: port, database file.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from typing import Any

import dash_ag_grid as dag
import uvicorn
from dash import Dash, Input, Output, State, dcc, html, no_update

TIMELINE = 30  # newest events on a desk's page
INTERVAL_MS = 1_000

SCHEMA = """
create table if not exists events (revision integer primary key, incident_id text not null, org_code text not null, body text not null);
create index if not exists ix_events_org on events (org_code, revision);
create table if not exists incidents (incident_id text primary key, org_code text not null, is_open integer not null, body text not null);
create index if not exists ix_incidents_org on incidents (org_code, is_open);
create table if not exists units (unit_id text primary key, revision integer not null, incident_id text);
create table if not exists scopes (scope text not null, org_code text not null, primary key (scope, org_code)) without rowid;
"""
NEWEST = "select max((select max(revision) from events where org_code = s.org_code)) from scopes s where s.scope = ?"
QUEUE = "select i.body from incidents i join scopes s using (org_code) where s.scope = ? and i.is_open"
EVENTS = "select e.body from events e join scopes s using (org_code) where s.scope = ? order by e.revision desc limit ?"
MINE = "select u.revision, i.body from units u left join incidents i using (incident_id) where u.unit_id = ?"
STAGE_AFTER = {
    "receive": "received",
    "push": "pushed",
    "acknowledge": "acknowledged",
    "depart": "en_route",
    "arrive": "on_scene",
    "feedback": "feedback",
    "close": "closed",
}


def connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode=wal")
    connection.execute("pragma synchronous=full")
    connection.executescript(SCHEMA)
    return connection


def carry_out(connection: sqlite3.Connection, command: dict[str, Any]) -> int:
    """One command, durable when this returns; its revision."""
    name, incident_id = command["command"], command["incident_id"]
    connection.execute("begin immediate")
    row = connection.execute("select body from incidents where incident_id = ?", (incident_id,)).fetchone()
    incident = {**json.loads(row[0]), **command} if row else dict(command)
    incident["stage"] = STAGE_AFTER.get(name, incident.get("stage"))
    body = json.dumps(incident, ensure_ascii=False)
    inserted = connection.execute(
        "insert into events (incident_id, org_code, body) values (?, ?, ?)", (incident_id, incident["org_code"], json.dumps(command))
    )
    revision = inserted.lastrowid or 0
    connection.execute("insert or replace into incidents values (?, ?, ?, ?)", (incident_id, incident["org_code"], name != "close", body))
    if "unit_id" in incident:
        on = None if name == "close" else incident_id
        connection.execute("insert or replace into units values (?, ?, ?)", (incident["unit_id"], revision, on))
    connection.execute("commit")
    return revision


def application(path: str) -> Dash:
    connection = connect(path)
    app = Dash(__name__, backend="fastapi", enable_mcp=False)
    app.layout = html.Div(
        [
            dcc.Interval(id="tick", interval=INTERVAL_MS),
            dcc.Store(id="scope"),
            dcc.Store(id="unit"),
            dcc.Store(id="seen", data=-1),
            dcc.Store(id="mine-seen", data=-1),
            dcc.Store(id="command"),
            dcc.Store(id="recorded"),
            html.Button("send", id="send"),
            dag.AgGrid(
                id="queue", columnDefs=[{"field": name} for name in ("incident_id", "grade", "incident_type", "stage", "unit_id", "text")]
            ),
            html.Ol(id="timeline"),
            html.Div(id="mine"),
        ]
    )

    @app.callback(
        Output("queue", "rowData"),
        Output("timeline", "children"),
        Output("seen", "data"),
        Input("tick", "n_intervals"),
        State("scope", "data"),
        State("seen", "data"),
    )
    async def on_desk_tick(_: int, scope: str, seen: int) -> Any:
        newest = connection.execute(NEWEST, (scope,)).fetchone()[0] or 0
        if newest == seen:
            return no_update, no_update, no_update
        rows = [json.loads(body) for (body,) in connection.execute(QUEUE, (scope,))]
        events = [json.loads(body) for (body,) in connection.execute(EVENTS, (scope, TIMELINE))]
        return rows, [html.Li(f"{e['command']} {e['incident_id']} {e.get('unit_id', '')}") for e in events], newest

    @app.callback(
        Output("mine", "children"),
        Output("mine-seen", "data"),
        Input("tick", "n_intervals"),
        State("unit", "data"),
        State("mine-seen", "data"),
    )
    async def on_terminal_tick(_: int, unit_id: str, seen: int) -> Any:
        revision, body = connection.execute(MINE, (unit_id,)).fetchone() or (0, None)
        if revision == seen:
            return no_update, no_update
        mine = None if body is None else json.loads(body)
        return [] if mine is None else [html.H1(mine["incident_id"]), html.P(mine["stage"]), html.P(mine["text"])], revision

    @app.callback(Output("recorded", "data"), Input("send", "n_clicks"), State("command", "data"))
    async def on_send(_: int, command: dict[str, Any]) -> int:
        return carry_out(connection, command)

    return app


if __name__ == "__main__":
    port, database = sys.argv[1:]
    uvicorn.run(application(database).server, host="127.0.0.1", port=int(port), log_level="warning", access_log=False, loop="uvloop")
