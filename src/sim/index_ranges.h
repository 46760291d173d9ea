#pragma once
// "0-2,5": the form in which a Job's status holds indexes.

#include <set>
#include <string>
#include <string_view>

namespace spillway::sim {

std::set<int> parse_ranges(std::string_view text);
std::string write_ranges(const std::set<int>& indexes);

}  // namespace spillway::sim
