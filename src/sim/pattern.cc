#include "pattern.h"

#include <regex>
#include <unordered_map>

#include <spillway/core/check.h>

namespace spillway::sim {
namespace {

constexpr std::size_t kMaxPatterns = 1000;  // schemas have some dozens

struct Pattern {
  std::regex compiled;
  std::unordered_map<std::string, bool> known;
};
constexpr std::size_t kMaxKnown = 2000;  // the same few names come again and again

}  // namespace

bool matches_pattern(const std::string& text, const std::string& pattern) {
  thread_local std::unordered_map<std::string, Pattern> patterns;
  auto found = patterns.find(pattern);
  if (found == patterns.end()) {
    SPILLWAY_CHECK(patterns.size() < kMaxPatterns);
    found =
        patterns.emplace(pattern, Pattern{std::regex(pattern, std::regex::ECMAScript), {}}).first;
  }
  Pattern& one = found->second;
  if (const auto known = one.known.find(text); known != one.known.end()) return known->second;
  if (one.known.size() >= kMaxKnown) one.known.clear();
  return one.known.emplace(text, std::regex_search(text, one.compiled)).first->second;
}

}  // namespace spillway::sim
