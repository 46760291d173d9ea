#pragma once
// A small pull parser for the XML that clouds answer with. Safe on hostile input: no recursion, no
// DTD, no external or user-defined entities, bounded depth; every string is a view into, or a
// bounded copy of, the document.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/result.h>

namespace spillway::cloud {

struct XmlEvent {
  enum class Kind { kStart, kText, kEnd, kDone };
  Kind kind = Kind::kDone;
  std::string_view name;  // kStart and kEnd: local name, without a namespace prefix
  std::string text;       // kText: unescaped
};

// The document has to outlive the reader and the names it returned. Attributes are skipped,
// comments and the declaration too; a blank-only text between elements is not reported.
class XmlReader {
 public:
  explicit XmlReader(std::string_view document, std::size_t max_depth = 32);
  // kInternal when the document is not well-formed (or is not XML at all: an HTML error page of a
  // proxy).
  Result<XmlEvent> next();
  [[nodiscard]] std::size_t depth() const { return open_.size(); }

 private:
  Result<XmlEvent> text_event();
  Result<XmlEvent> tag_event();
  Result<XmlEvent> end_tag();
  Result<XmlEvent> start_tag();
  Result<void> skip_to(std::string_view end, std::string_view what);

  std::string_view document_;
  std::size_t position_ = 0;
  std::size_t max_depth_;
  std::vector<std::string_view> open_;
  bool pending_end_ = false;  // after "<a/>"
  bool seen_root_ = false;
};

// The text directly inside the next element; the reader stands after its kStart. Refuses nested
// elements.
Result<std::string> read_text(XmlReader& reader);
// Skips the element whose kStart was just read.
Result<void> skip_element(XmlReader& reader);
std::string xml_escape(std::string_view text);

}  // namespace spillway::cloud
