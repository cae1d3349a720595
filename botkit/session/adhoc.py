"""Ad-hoc commands on the wire: IQs in, answers out, and what disco shows of them (XEP-0050 §2, §3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from xml.etree.ElementTree import Element

from botkit.errors import ItemNotFound, StanzaError
from botkit.model.address import Address
from botkit.ports import AdhocOffer
from botkit.protocol import adhoc
from botkit.protocol.namespaces import COMMANDS
from botkit.session.connection import Connection
from botkit.session.disco import DiscoIdentity, DiscoInfo, DiscoItem
from botkit.session.requests import IqRequest
from botkit.session.rooms import Rooms

_DATA_FORMS = "jabber:x:data"


def serve_commands(connection: Connection, offer: AdhocOffer, rooms: Rooms) -> Callable[[], None]:
    """Serve the commands of ``offer``; returns what ends that. What is listed depends on who asks.

    Whoever asks through a room finds the commands at our occupant JID there, under which they were asked for.
    """

    async def called(request: IqRequest) -> Element:
        if request.kind != "set":
            raise StanzaError("bad-request", "modify", "a command is called with type set (XEP-0050 §3.1)")
        asked = replace(adhoc.parse_command(request.payload), id=request.id)
        answer = await offer.called(_requester(request.sender), asked)
        return adhoc.build_answer(answer)

    async def items(requester: Address) -> Sequence[DiscoItem]:
        offered = await offer.listed(requester)
        info = rooms.info(requester.bare)
        address = info.me.address if info is not None and info.me is not None else connection.address
        return [DiscoItem(address=address, node=node, name=name) for node, name in offered]

    async def list_info(_requester: Address) -> DiscoInfo:
        return DiscoInfo(
            identities=(DiscoIdentity("automation", "command-list", "Commands"),), features=frozenset({COMMANDS})
        )

    async def command_info(requester: Address, node: str) -> DiscoInfo:
        for offered, name in await offer.listed(requester):
            if offered == node:
                # XEP-0050 §2.3: "A disco#info query to a command node returns ... the command's name and features"
                return DiscoInfo(
                    identities=(DiscoIdentity("automation", "command-node", name),),
                    features=frozenset({COMMANDS, _DATA_FORMS}),
                )
        raise ItemNotFound("item-not-found", "cancel", "there is no such command, or it is not for you")

    def _requester(sender: Address | None) -> Address:
        return sender if sender is not None else connection.address.bare

    ends = (
        connection.serve(adhoc.COMMAND_TAG, called),
        connection.disco.register_feature(COMMANDS),
        connection.disco.register_feature(_DATA_FORMS),
        connection.disco.register_node(COMMANDS, items=items, info=list_info),
        connection.disco.register_nodes(command_info),
    )

    def end() -> None:
        for each in ends:
            each()

    return end
