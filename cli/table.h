#pragma once
// Tables as kubectl prints them: columns as wide as their content, three spaces apart.

#include <string>
#include <string_view>
#include <vector>

namespace spillway::cli {

struct Column {
  std::string title;
  bool right = false;  // numbers: their ends stand below each other
};

// Cells are made safe for a terminal: control characters, which could move the cursor or change
// colours, become spaces.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as columns; an empty one is printed as "-".
  void row(std::vector<std::string> cells);
  // A sentence below the last row, indented and on a line of its own.
  void remark(std::string_view sentence);
  [[nodiscard]] bool empty() const { return lines_.empty(); }
  // With titles, each line ended; "" for a table without rows.
  [[nodiscard]] std::string text() const;

 private:
  struct Line {
    std::vector<std::string> cells;  // one without columns: a remark
    bool remark = false;
  };
  std::vector<Column> columns_;
  std::vector<Line> lines_;
};

// Control characters as spaces.
std::string printable(std::string_view text);
// Columns that a terminal needs for it: code points of UTF-8.
std::size_t display_width(std::string_view text);

}  // namespace spillway::cli
