#include <spillway/core/quantity.h>

#include <limits>
#include <optional>
#include <string>

namespace spillway {
namespace {

struct Scale {
  std::int64_t multiply = 1;  // of the number itself
  std::int64_t divide = 1;
};

std::optional<Scale> scale_of_suffix(std::string_view suffix) {
  constexpr std::int64_t kKi = 1024;
  if (suffix.empty()) return Scale{};
  if (suffix == "n") return Scale{.divide = 1'000'000'000};
  if (suffix == "u") return Scale{.divide = 1'000'000};
  if (suffix == "m") return Scale{.divide = 1'000};
  if (suffix == "k") return Scale{.multiply = 1'000};
  if (suffix == "M") return Scale{.multiply = 1'000'000};
  if (suffix == "G") return Scale{.multiply = 1'000'000'000};
  if (suffix == "T") return Scale{.multiply = 1'000'000'000'000};
  if (suffix == "P") return Scale{.multiply = 1'000'000'000'000'000};
  if (suffix == "Ki") return Scale{.multiply = kKi};
  if (suffix == "Mi") return Scale{.multiply = kKi * kKi};
  if (suffix == "Gi") return Scale{.multiply = kKi * kKi * kKi};
  if (suffix == "Ti") return Scale{.multiply = kKi * kKi * kKi * kKi};
  if (suffix == "Pi") return Scale{.multiply = kKi * kKi * kKi * kKi * kKi};
  if (suffix.size() >= 2 && suffix.size() <= 3 && (suffix[0] == 'e' || suffix[0] == 'E')) {
    Scale scale;
    const bool negative = suffix[1] == '-';
    const std::string_view digits = suffix.substr(negative || suffix[1] == '+' ? 2 : 1);
    if (digits.size() != 1 || digits[0] < '0' || digits[0] > '9') return std::nullopt;
    for (int i = 0; i < digits[0] - '0'; ++i)
      (negative ? scale.divide : scale.multiply) *= 10;
    return scale;
  }
  return std::nullopt;
}

Result<std::int64_t> parse_scaled(std::string_view text, std::int64_t unit) {
  const auto refuse = [&] {
    return invalid("'" + std::string(text.substr(0, 40)) +
                   "' is not a quantity: write a number such as \"4\", \"500m\" or \"16Gi\"");
  };
  __int128 digits = 0;
  std::int64_t divide = 1;
  std::size_t i = 0;
  bool any = false;
  bool point = false;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    any = true;
    digits = digits * 10 + (c - '0');
    if (point) divide *= 10;
    if (digits > std::numeric_limits<std::int64_t>::max() || divide > 1'000'000'000)
      return refuse();
  }
  const auto scale = scale_of_suffix(text.substr(i));
  if (!any || !scale) return refuse();
  const __int128 divisor = static_cast<__int128>(divide) * scale->divide;
  const __int128 limit = static_cast<__int128>(std::numeric_limits<std::int64_t>::max()) / unit;
  if (digits > limit / scale->multiply * divisor) return refuse();
  const __int128 value = digits * scale->multiply * unit;
  return static_cast<std::int64_t>((value + divisor - 1) / divisor);
}

}  // namespace

Result<std::int64_t> parse_quantity_milli(std::string_view text) {
  return parse_scaled(text, 1000);
}
Result<std::int64_t> parse_quantity(std::string_view text) {
  return parse_scaled(text, 1);
}

}  // namespace spillway
