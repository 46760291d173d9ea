#pragma once
// Small text helpers that several modules need.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace spillway {

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
// Cuts to at most `max_bytes`, at a UTF-8 boundary, and marks the cut with "...".
std::string shorten(std::string_view text, std::size_t max_bytes);
// "1 replica", "2 replicas".
std::string plural(std::int64_t count, std::string_view noun);
// 64-bit FNV-1a: stable across runs and machines (names and annotations depend on it).
std::uint64_t stable_hash(std::string_view text);
std::string hex(std::uint64_t value);

}  // namespace spillway
