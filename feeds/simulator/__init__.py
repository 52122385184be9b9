"""The demo feed: a program of its own that makes a city live, through the same public sockets as everybody else.

Crews really move on the street graph, patrol their beats, answer pushes, take time, sometimes refuse or go silent;
incidents happen by hour, place and type; two demo operators push what nobody else has pushed. All of it is seeded, and
`town.Town` is pure: the time is passed in and messages come out, so that tests run an evening in seconds.

    truth.py      how fast the streets truly are, which the server has to learn
    legs.py       a way through the streets with a time at every bend
    crews.py      who is on duty where
    behaviour.py  what a crew does: patrol, answer, drive, handle
    incidents.py  what happens in the city, and when
    traffic.py    accidents, works and jams on the streets
    weather.py    weather stations and warnings
    operators.py  the demo operators
    town.py       all of it together, one step at a time
    links.py      sockets and HTTP
"""

# Names of the tokens a demo server gives this program: the source of its calls, and who its operators are.
FEED_NAME = "demo-feed"
OPERATOR_NAME = "demo-operator"
