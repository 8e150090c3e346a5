"""What the demo shows: two features on real logs."""

from config.demo.logs import Story, Version

FLIGHT_GUIDELINE = """\
Will this flight arrive **more than 15 minutes late**? The model answered at departure.

- Look the flight up in the operations log, or judge from what is shown here.
- *Right*: it arrived as the alert said. *Wrong*: it did not.
- *Cannot judge*: the flight was cancelled or diverted.
"""
PRICE_GUIDELINE = """\
Which **price band** does this house belong to, had it been sold in that month?

- Compare with sales in the same neighbourhood and of the same size.
- *Partly*: the price is within 3,000 dollars of the border to the other band.
- *Cannot judge*: facts are missing that move the price by more than a band.
"""

FLIGHTS = Story(
    file="flights.parquet",
    feature={
        "slug": "delay-alert",
        "name": "Delay alert",
        "description": "Warns at departure when a flight from New York will arrive over 15 minutes late.",
        "stage": "pilot",
        "answer_kind": "label",
        "label_names": {"late": "late", "on_time": "on time"},
        "input_fields": [
            {"name": "carrier", "label": "Carrier"},
            {"name": "flight", "label": "Flight", "hint": "text"},
            {"name": "origin", "label": "From"},
            {"name": "dest", "label": "To"},
            {"name": "distance", "label": "Distance, miles", "hint": "number"},
            {"name": "dep_delay", "label": "Departed late by, minutes", "hint": "number"},
            {"name": "wind_speed", "label": "Wind, mph", "hint": "number"},
            {"name": "precip", "label": "Rain, inches an hour", "hint": "number"},
            {"name": "visib", "label": "Visibility, miles", "hint": "number"},
        ],
    },
    labels=["on_time", "late"],
    positive_label="late",
    versions=[
        Version("1-baseline", True, 3.2, 182, "Logistic regression on the schedule alone, cut at 0.3."),
        Version("2-boosted", False, 14.0, 415, "Gradient boosting with departure delay and weather, cut at 0.5."),
    ],
    inputs=["carrier", "flight", "origin", "dest", "distance", "dep_delay", "wind_speed", "precip", "visib"],
    segment="origin",
    sampling={
        "design": "uncertainty",
        "reviews_per_day": 4,
        "target_count": 800,
        "overlap_share": 0.15,
        "gold_share": 0.1,
    },
    guideline=FLIGHT_GUIDELINE,
    reasons=[
        {"code": "weather", "label": "Weather changed"},
        {"code": "made_up_time", "label": "Made up time in the air"},
        {"code": "held", "label": "Held on the ground"},
        {"code": "inputs", "label": "Inputs wrong or missing"},
    ],
    error_rate=0.03,
    judged=0.85,
)

PRICES = Story(
    file="prices.parquet",
    feature={
        "slug": "price-band",
        "name": "Price band",
        "description": "Puts a house in Ames, Iowa, into one of three price bands before it is listed.",
        "stage": "pilot",
        "answer_kind": "label",
        "label_names": {
            "under_130k": "under 130k",
            "130k_to_200k": "130k to 200k",
            "over_200k": "over 200k",
        },
        "input_fields": [
            {"name": "neighbourhood", "label": "Neighbourhood"},
            {"name": "living_area_sqft", "label": "Living area, sq ft", "hint": "number"},
            {"name": "lot_area_sqft", "label": "Lot, sq ft", "hint": "number"},
            {"name": "quality_1_to_10", "label": "Quality, of 10", "hint": "number"},
            {"name": "condition_1_to_10", "label": "Condition, of 10", "hint": "number"},
            {"name": "built", "label": "Built", "hint": "text"},
            {"name": "basement_sqft", "label": "Basement, sq ft", "hint": "number"},
            {"name": "garage_cars", "label": "Garage, cars", "hint": "number"},
            {"name": "bathrooms", "label": "Bathrooms", "hint": "number"},
            {"name": "bedrooms", "label": "Bedrooms", "hint": "number"},
        ],
    },
    labels=["under_130k", "130k_to_200k", "over_200k"],
    positive_label="",
    versions=[
        Version("1-neighbourhood", True, 1.1, 96, "Logistic regression on the neighbourhood alone."),
        Version("2-features", False, 6.5, 230, "Gradient boosting on neighbourhood, size, quality and age."),
    ],
    inputs=[
        "neighbourhood", "living_area_sqft", "lot_area_sqft", "quality_1_to_10", "condition_1_to_10", "built",
        "basement_sqft", "garage_cars", "bathrooms", "bedrooms",
    ],
    segment="neighbourhood",
    sampling={"design": "uncertainty", "reviews_per_day": 1, "target_count": 500},
    guideline=PRICE_GUIDELINE,
    reasons=[
        {"code": "price", "label": "Price level"},
        {"code": "outdated", "label": "Outdated facts"},
        {"code": "missing", "label": "Missing facts"},
        {"code": "renovated", "label": "Renovated"},
    ],
    error_rate=0.03,
    judged=0.5,
    probabilities={
        "under_130k": "probability_under_130k",
        "130k_to_200k": "probability_130k_to_200k",
        "over_200k": "probability_over_200k",
    },
)  # fmt: skip

STORIES = [FLIGHTS, PRICES]
