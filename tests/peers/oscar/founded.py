"""Write the database of a shop that is open and sells nothing yet: tables, a clerk, a country, one sort of goods."""

import django  # type: ignore[import-not-found]
from django.core.management import call_command  # type: ignore[import-not-found]

django.setup()

from django.contrib.auth import get_user_model  # type: ignore[import-not-found]  # noqa: E402
from oscar.core.loading import get_model  # type: ignore[import-not-found]  # noqa: E402

call_command("migrate", verbosity=0)
get_user_model().objects.create_superuser("weir", "weir@example.com", "secret")
get_model("address", "Country").objects.create(
    iso_3166_1_a2="DE", printable_name="Germany", name="GERMANY", is_shipping_country=True
)
get_model("catalogue", "ProductClass").objects.create(name="Goods", requires_shipping=True, track_stock=True)
get_model("partner", "Partner").objects.create(name="Own stock", code="own")
