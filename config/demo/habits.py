"""How the demo's two features are used: the one a lot and on trust, the other hardly though it is good."""

from config.demo.logs import Item
from config.demo.usage import Habit


def said(channel: str, weight: str | int, text: str) -> Item:
    """weight: the severity of a complaint, or the rating that came with the words."""
    return {"channel": channel, "rating" if isinstance(weight, int) else "severity": weight, "text": text}


DISPATCHERS = Habit(
    accounts=(
        "Northwind Air", "Blue Harbor", "Cascade Jet", "Delta Quay", "Eastgate", "Fairlane", "Granite Air",
        "Highline", "Ironwood", "Juniper", "Keystone Ground", "Lakeside", "Meridian", "Nimbus", "Orchard Air",
        "Pinecrest", "Quayside", "Redwood", "Silverline", "Tidewater", "Union Ramp", "Vista", "Westbrook",
        "Yarrow",
    ),
    people=3,
    seen_by=2,
    shown="late",
    accept=0.7,
    accept_wrong=0.62,
    edit=0.06,
    complete=0.85,
    quiet=0.25,
    surface="operations board",
    said=(
        said("complaint", "high", "It warned of a delay and we moved the crew. It was on time."),
        said("ticket", "medium", "Three alerts in a row for the same gate, all of them wrong."),
        said("widget", 8, "I plan the ramp by it now. Saves me an hour each evening."),
        said("complaint", "critical", "We held a connection for nothing. Who answers for this?"),
        said("sales", "low", "They ask whether it can cover Philadelphia, too."),
        said("ticket", "high", "The alert came after the doors were closed."),
        said("survey", 9, "Would be very disappointed without it."),
        said("complaint", "medium", "It says late, it never says by how much."),
        said("complaint", "high", "Wrong again in the fog. We trusted it and paid for the hotel rooms."),
        said("widget", 7, "Good, but I would like to see why."),
    ),
)  # fmt: skip
AGENTS = Habit(
    accounts=(
        "Ashby Homes", "Birch & Lowe", "Cornerstone", "Dunmore", "Elm Street Realty", "Foxglove", "Gable House",
        "Hartwell", "Inverness", "Jackson & Daughters", "Kettle Creek", "Linden", "Maple Court", "Northfield",
        "Old Mill", "Parkside", "Quail Run", "Riverbend", "Somerset", "Timberline", "Upland", "Wren & Co",
    ),
    people=3,
    seen_by=9,
    shown="",
    accept=0.26,
    accept_wrong=0.08,
    edit=0.35,
    complete=0.6,
    quiet=0.3,
    surface="listing form",
    said=(
        said("call_note", "medium", "I have sold houses here for twenty years. I do not need a band."),
        said("widget", 4, "It is usually right, but it stands where I never look."),
        said("ticket", "low", "Please show it before I type the price, not after."),
        said("call_note", "medium", "The band is too wide to tell a seller anything."),
        said("survey", 5, "Somewhat disappointed without it."),
    ),
)  # fmt: skip
HABITS = {"delay-alert": DISPATCHERS, "price-band": AGENTS}
