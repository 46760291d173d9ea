#pragma once
// Style and script of the report, both inline in the page.

#include <string_view>

namespace spillway::cli {

// Colours are told apart by lightness as well as by hue, so that they hold without colour vision
// and in a grey print; texts have a contrast of at least 4.5 to 1, bars of 3 to 1.
extern const std::string_view kReportStyle;
// Sorting of tables and the box that shows a bar's reason. The page says everything without it.
extern const std::string_view kReportScript;

}  // namespace spillway::cli
