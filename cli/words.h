#pragma once
// Values as people read them.

#include <optional>
#include <string>

#include <spillway/core/money.h>
#include <spillway/core/time.h>

namespace spillway::cli {

// "$12,345.68": to the cent, half to even, thousands apart; "-$0.50"; "-" when not known.
std::string dollars(Money amount);
std::string dollars(std::optional<Money> amount);
// "3.7700" stays exact: "3.77"; "" when not known, which a table prints as "-".
std::string rate_text(const std::optional<HourlyRate>& rate);
// "12,345"
std::string grouped(std::int64_t value);
// The two largest units: "3 d 4 h", "12 h 5 min", "41 s".
std::string time_span(Duration time);
// Hours with one digit, thousands apart: "1,234.5".
std::string hours(Duration time);
std::string hours_of_seconds(std::int64_t seconds);
// "2020-01-05 08:00" in UTC.
std::string minute_text(Instant instant);
// "58.8 %" of a part in a whole; "" when the whole is zero.
std::string percent(double part, double whole);

}  // namespace spillway::cli
