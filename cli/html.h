#pragma once
// The few things that making a page by hand needs: escaping, and numbers that are always numbers.

#include <string>
#include <string_view>

namespace spillway::cli {

// Text as content or as a quoted attribute: & < > " ' are written as entities, control characters
// as spaces, bytes that are no UTF-8 as U+FFFD.
std::string escape_html(std::string_view text);

// A name, cut where it would fill a line, and escaped.
std::string name_text(std::string_view name);

// A coordinate with one digit, without ".0"; what is not finite is 0.
std::string coordinate(double value);

}  // namespace spillway::cli
