# TEST (2024,) -> ('2024-02-29', 'Thursday')
import calendar, datetime, zoneinfo
def solve(year):
  day = datetime.datetime(year, 2, 28, tzinfo=zoneinfo.ZoneInfo('UTC')) + datetime.timedelta(days=1)
  return day.date().isoformat(), calendar.day_name[day.weekday()]
