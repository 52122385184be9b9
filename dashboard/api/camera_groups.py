"""Groups of cameras that a video wall goes round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from dashboard.api.describe import answers
from dashboard.api.shapes import answer_in_thread
from dashboard.edge import actor_of
from dashboard.problems import InvalidFields
from operations.cameras.camera_groups import camera_views

if TYPE_CHECKING:
    from operations.services import Services

_GROUP = {"name": "江厦派出所", "name_en": "Jiangxia Station", "cameras": [{"id": "cam-0117", "name": "天一广场南侧", "name_en": ""}]}


def router(services: Services) -> APIRouter:
    """`/camera-groups`."""
    routes = APIRouter(tags=["video"])

    @routes.get("/camera-groups", responses=answers(_GROUP, problems=(404, 422)))
    async def group(
        request: Request,
        group: Annotated[
            str, Query(description="org:<code>, circle:<circle_id> or list:<id>,<id>", max_length=8000, examples=["list:gate,square"])
        ],
    ) -> Response:
        """Cameras of an organisation's area, of a duty circle the caller may see, or of a list: 500 at most, in the order of their names
        or of the list. Ids that are no camera's are left out."""
        actor = actor_of(request)

        def view() -> dict[str, Any]:
            try:
                found = services.camera_groups.find(actor, group)
            except ValueError as error:
                raise InvalidFields.one("group", str(error)) from None
            return {"name": found.name, "name_en": found.name_en, "cameras": camera_views(found.cameras)}

        return await answer_in_thread(view)

    return routes
