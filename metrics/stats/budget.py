"""How often the system may be wrong when it raises an alert. Apart, because pages say it, and import no numpy."""

FALSE_ALARM_EVERY = 10_000  # reviews of a version between false quality alarms, on average, at least
FALSE_BREAKS_ONE_IN = 20  # expectations that are ever called broken though they are kept, at most
