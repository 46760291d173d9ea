#include "table.h"

#include <algorithm>

#include <spillway/core/check.h>

namespace spillway::cli {
namespace {

constexpr std::size_t kGap = 3;
constexpr std::size_t kRemarkIndent = 4;

}  // namespace

std::string printable(std::string_view text) {
  std::string out(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<unsigned char>(out[i]);
    if (byte < 0x20 || byte == 0x7f) out[i] = ' ';
    // U+0080 to U+009F, the control characters of eight bits, as UTF-8 has them.
    const bool pair = byte == 0xc2 && i + 1 < out.size();
    if (pair && static_cast<unsigned char>(out[i + 1]) < 0xa0) out.replace(i, 2, " ");
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

void Table::row(std::vector<std::string> cells) {
  SPILLWAY_CHECK(cells.size() == columns_.size());
  for (std::string& cell : cells)
    cell = cell.empty() ? "-" : printable(cell);
  lines_.push_back({.cells = std::move(cells)});
}

void Table::remark(std::string_view sentence) {
  lines_.push_back({.cells = {printable(sentence)}, .remark = true});
}

std::string Table::text() const {
  if (lines_.empty()) return "";
  std::vector<std::size_t> widths;
  widths.reserve(columns_.size());
  for (const Column& column : columns_)
    widths.push_back(display_width(column.title));
  for (const Line& line : lines_) {
    for (std::size_t i = 0; !line.remark && i < line.cells.size(); ++i)
      widths[i] = std::max(widths[i], display_width(line.cells[i]));
  }
  std::string out;
  const auto put = [&](const auto& cell_of) {
    std::string printed;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string& cell = cell_of(i);
      const std::string padding(widths[i] - display_width(cell), ' ');
      printed += columns_[i].right ? padding + cell : cell + padding;
      printed.append(kGap, ' ');
    }
    printed.erase(printed.find_last_not_of(' ') + 1);
    out += printed + "\n";
  };
  put([&](std::size_t i) -> const std::string& { return columns_[i].title; });
  for (const Line& line : lines_) {
    if (line.remark) {
      out += std::string(kRemarkIndent, ' ') + line.cells.front() + "\n";
    } else {
      put([&](std::size_t i) -> const std::string& { return line.cells[i]; });
    }
  }
  return out;
}

}  // namespace spillway::cli
