#include <spillway/core/money.h>

#include <cstdlib>
#include <limits>

#include <spillway/core/check.h>

namespace spillway {
namespace {

constexpr int kDecimals = 6;
constexpr std::size_t kMaxIntegerDigits = 12;  // below a trillion dollars: far from overflow

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

tl::unexpected<Error> bad_amount(std::string_view text) {
  return invalid(
      "'" + std::string(text.substr(0, 40)) +
      "' is not an amount of money: write US dollars as a plain decimal such as \"3.06\"");
}

std::int64_t narrow(__int128 value) {
  SPILLWAY_CHECK(value <= std::numeric_limits<std::int64_t>::max() &&
                 value >= std::numeric_limits<std::int64_t>::min());
  return static_cast<std::int64_t>(value);
}

// Adds one micro when the digits that were cut are more than half, or exactly half and the kept
// value is odd.
bool rounds_up(std::string_view cut, std::int64_t kept) {
  if (cut.empty() || cut[0] < '5') return false;
  if (cut[0] > '5' || cut.find_first_not_of('0', 1) != std::string_view::npos) return true;
  return kept % 2 != 0;
}

}  // namespace

Result<Money> Money::parse(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  if (whole.empty() || whole.size() > kMaxIntegerDigits ||
      (point != std::string_view::npos && fraction.empty())) {
    return bad_amount(text);
  }
  std::int64_t value = 0;
  for (char c : whole) {
    if (!is_digit(c)) return bad_amount(text);
    value = value * 10 + (c - '0');
  }
  for (char c : fraction) {
    if (!is_digit(c)) return bad_amount(text);
  }
  for (int i = 0; i < kDecimals; ++i) {
    const auto at = static_cast<std::size_t>(i);
    value = value * 10 + (at < fraction.size() ? fraction[at] - '0' : 0);
  }
  if (fraction.size() > kDecimals && rounds_up(fraction.substr(kDecimals), value)) ++value;
  return Money(value);
}

std::string Money::to_string() const {
  const bool negative = micros_ < 0;
  const std::uint64_t magnitude =
      negative ? ~static_cast<std::uint64_t>(micros_) + 1 : static_cast<std::uint64_t>(micros_);
  std::string fraction = std::to_string(magnitude % 1'000'000);
  fraction.insert(0, kDecimals - fraction.size(), '0');
  while (fraction.size() > 2 && fraction.back() == '0')
    fraction.pop_back();
  return (negative ? "-" : "") + std::to_string(magnitude / 1'000'000) + "." + fraction;
}

Money operator+(Money a, Money b) {
  return Money(narrow(static_cast<__int128>(a.micros_) + b.micros_));
}
Money operator-(Money a, Money b) {
  return Money(narrow(static_cast<__int128>(a.micros_) - b.micros_));
}

Money Money::scaled(std::int64_t numerator, std::int64_t denominator) const {
  SPILLWAY_CHECK(denominator > 0);
  const __int128 product = static_cast<__int128>(micros_) * numerator;
  const __int128 magnitude = product < 0 ? -product : product;
  __int128 quotient = magnitude / denominator;
  const __int128 twice = (magnitude % denominator) * 2;
  if (twice > denominator || (twice == denominator && quotient % 2 != 0)) ++quotient;
  return Money(narrow(product < 0 ? -quotient : quotient));
}

Result<HourlyRate> HourlyRate::parse(std::string_view text) {
  TRY(per_hour, Money::parse(text));
  return HourlyRate(per_hour);
}

}  // namespace spillway
