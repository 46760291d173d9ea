#pragma once
// Money is exact: 64-bit integer micro-dollars. It never passes through a floating-point number.
// One currency: US dollars. Range +-9.2 trillion dollars; arithmetic that would leave it ends the
// process (SPILLWAY_CHECK), because no sane input can.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <spillway/core/result.h>
#include <spillway/core/time.h>

namespace spillway {

class Money {
 public:
  constexpr Money() = default;
  static constexpr Money micros(std::int64_t value) { return Money(value); }
  static constexpr Money dollars(std::int64_t value) { return Money(value * 1'000'000); }

  // A plain decimal, "3.06" or "0.9731": no sign, no exponent, at most 6 digits after the point are
  // kept, the rest is rounded half to even. "abc", "", "-1", "1e3" are refused with a sentence.
  static Result<Money> parse(std::string_view text);

  [[nodiscard]] constexpr std::int64_t micros() const { return micros_; }
  // Shortest exact decimal with at least two digits after the point: "3.06", "0.9731", "12.00",
  // "-0.50".
  [[nodiscard]] std::string to_string() const;

  friend constexpr auto operator<=>(Money, Money) = default;
  friend Money operator+(Money a, Money b);
  friend Money operator-(Money a, Money b);
  Money& operator+=(Money other) { return *this = *this + other; }
  Money& operator-=(Money other) { return *this = *this - other; }
  // amount * numerator / denominator, rounded half to even. denominator > 0.
  [[nodiscard]] Money scaled(std::int64_t numerator, std::int64_t denominator) const;

 private:
  constexpr explicit Money(std::int64_t value) : micros_(value) {}
  std::int64_t micros_ = 0;
};

// US dollars per hour, exact to the micro-dollar.
class HourlyRate {
 public:
  constexpr HourlyRate() = default;
  constexpr explicit HourlyRate(Money per_hour) : per_hour_(per_hour) {}
  static Result<HourlyRate> parse(std::string_view text);

  [[nodiscard]] constexpr Money per_hour() const { return per_hour_; }
  // What this rate costs over a time, rounded half to even.
  [[nodiscard]] Money over(Duration time) const {
    return per_hour_.scaled(time.count(), 3'600'000);
  }
  [[nodiscard]] HourlyRate scaled(std::int64_t numerator, std::int64_t denominator) const {
    return HourlyRate(per_hour_.scaled(numerator, denominator));
  }
  [[nodiscard]] std::string to_string() const { return per_hour_.to_string(); }
  // Dollars per hour for estimates only (expected cost per useful hour). Never turned back into
  // Money that is charged.
  [[nodiscard]] double approximate_dollars() const {
    return static_cast<double>(per_hour_.micros()) / 1e6;
  }

  friend constexpr auto operator<=>(HourlyRate, HourlyRate) = default;
  friend HourlyRate operator+(HourlyRate a, HourlyRate b) {
    return HourlyRate(a.per_hour_ + b.per_hour_);
  }
  friend HourlyRate operator-(HourlyRate a, HourlyRate b) {
    return HourlyRate(a.per_hour_ - b.per_hour_);
  }
  HourlyRate& operator+=(HourlyRate other) { return *this = *this + other; }

 private:
  Money per_hour_;
};

}  // namespace spillway
