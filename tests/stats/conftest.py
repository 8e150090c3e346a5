from hypothesis import settings

# The same examples in every run: what turns red was changed by us, not by chance.
settings.register_profile("stats", deadline=None, derandomize=True)
settings.load_profile("stats")
