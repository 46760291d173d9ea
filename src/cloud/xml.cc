#include <spillway/cloud/xml.h>

#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace spillway::cloud {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

tl::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::kInternal, "the answer is not well-formed XML: " + std::string(what));
}

std::string_view local_name(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { out.push_back(static_cast<char>(value)); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xC0 | (code >> 6));
  } else if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3F));
  } else {
    byte(0xF0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3F));
    byte(0x80 | ((code >> 6) & 0x3F));
  }
  byte(0x80 | (code & 0x3F));
}

// The five predefined entities and character references; there are no others without a DTD.
bool append_entity(std::string& out, std::string_view entity) {
  static constexpr std::array<std::pair<std::string_view, char>, 5> kPredefined{
      {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
  for (const auto& [name, character] : kPredefined) {
    if (entity == name) {
      out.push_back(character);
      return true;
    }
  }
  if (entity.size() < 2 || entity.front() != '#') return false;
  const bool hexadecimal = entity[1] == 'x';
  const std::string_view digits = entity.substr(hexadecimal ? 2 : 1);
  std::uint32_t code = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), code, hexadecimal ? 16 : 10);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (error != std::errc() || end != digits.data() + digits.size() || code == 0 ||
      code > 0x10FFFF || surrogate) {
    return false;
  }
  append_utf8(out, code);
  return true;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t ampersand = text.find('&');
    out.append(text.substr(0, ampersand));
    if (ampersand == std::string_view::npos) break;
    const std::size_t end = text.find(';', ampersand);
    if (end == std::string_view::npos) return std::nullopt;
    if (!append_entity(out, text.substr(ampersand + 1, end - ampersand - 1))) return std::nullopt;
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

XmlReader::XmlReader(std::string_view document, std::size_t max_depth)
    : document_(document), max_depth_(max_depth) {
  if (document_.starts_with("\xEF\xBB\xBF")) position_ = 3;
}

Result<XmlEvent> XmlReader::next() {
  if (std::exchange(pending_end_, false)) {
    const XmlEvent event{.kind = XmlEvent::Kind::kEnd, .name = local_name(open_.back())};
    open_.pop_back();
    return event;
  }
  while (position_ < document_.size()) {
    const std::string_view rest = document_.substr(position_);
    if (rest.front() != '<' || rest.starts_with("<![CDATA[")) {
      TRY(event, text_event());
      if (!event.text.empty()) return event;
    } else if (rest.starts_with("<?")) {
      TRY_VOID(skip_to("?>", "an unfinished declaration"));
    } else if (rest.starts_with("<!--")) {
      TRY_VOID(skip_to("-->", "an unfinished comment"));
    } else if (rest.starts_with("<!")) {
      return malformed("it has a document type, which is not read");
    } else {
      return tag_event();
    }
  }
  if (!open_.empty()) return malformed("it ends inside <" + std::string(open_.back()) + ">");
  if (!seen_root_) return malformed("it has no element");
  return XmlEvent{};
}

Result<void> XmlReader::skip_to(std::string_view end, std::string_view what) {
  const std::size_t found = document_.find(end, position_);
  if (found == std::string_view::npos) return malformed(what);
  position_ = found + end.size();
  return {};
}

// One run of text or CDATA; empty when there are only blanks.
Result<XmlEvent> XmlReader::text_event() {
  XmlEvent event{.kind = XmlEvent::Kind::kText};
  constexpr std::string_view kCdata = "<![CDATA[";
  const std::size_t start = position_;
  if (document_.substr(start).starts_with(kCdata)) {
    TRY_VOID(skip_to("]]>", "an unfinished CDATA section"));
    const std::size_t from = start + kCdata.size();
    event.text.assign(document_.substr(from, position_ - 3 - from));
  } else {
    position_ = std::min(document_.find('<', start), document_.size());
    const std::string_view raw = document_.substr(start, position_ - start);
    if (raw.find_first_not_of(kBlank) == std::string_view::npos) return event;
    auto text = unescape(raw);
    if (!text) return malformed("it has an unknown or unfinished entity");
    event.text = std::move(*text);
  }
  if (open_.empty()) return malformed("there is text outside the root element");
  return event;
}

Result<XmlEvent> XmlReader::tag_event() {
  return document_.substr(position_).starts_with("</") ? end_tag() : start_tag();
}

Result<XmlEvent> XmlReader::end_tag() {
  const std::size_t from = position_ + 2;
  TRY_VOID(skip_to(">", "an unfinished end tag"));
  std::string_view name = document_.substr(from, position_ - 1 - from);
  name = name.substr(0, name.find_last_not_of(kBlank) + 1);
  if (open_.empty() || open_.back() != name) return malformed("an end tag without its start");
  open_.pop_back();
  return XmlEvent{.kind = XmlEvent::Kind::kEnd, .name = local_name(name)};
}

Result<XmlEvent> XmlReader::start_tag() {
  if (open_.empty() && seen_root_) return malformed("there is more than one root element");
  const std::size_t from = position_ + 1;
  const std::size_t name_end = document_.find_first_of(" \t\r\n/>", from);
  if (name_end == std::string_view::npos || name_end == from)
    return malformed("a tag without a name");
  const std::string_view name = document_.substr(from, name_end - from);
  if (name.find_first_of("<&\"'=") != std::string_view::npos) return malformed("a bad tag name");
  char quote = '\0';  // attributes are skipped, but a '>' inside quotes does not end the tag
  std::size_t at = name_end;
  for (; at < document_.size(); ++at) {
    const char c = document_[at];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '>' || c == '<') {
      break;
    }
  }
  if (at >= document_.size() || document_[at] != '>') return malformed("an unfinished tag");
  if (open_.size() >= max_depth_) return malformed("its elements are nested too deeply");
  pending_end_ = document_[at - 1] == '/';
  position_ = at + 1;
  seen_root_ = true;
  open_.push_back(name);
  return XmlEvent{.kind = XmlEvent::Kind::kStart, .name = local_name(name)};
}

Result<std::string> read_text(XmlReader& reader) {
  std::string out;
  while (true) {
    TRY(event, reader.next());
    if (event.kind == XmlEvent::Kind::kEnd) return out;
    if (event.kind == XmlEvent::Kind::kText) out += event.text;
    if (event.kind == XmlEvent::Kind::kStart) {
      return malformed("an element where text was expected");
    }
  }
}

Result<void> skip_element(XmlReader& reader) {
  const std::size_t outside = reader.depth() - 1;
  while (reader.depth() > outside) {
    TRY(event, reader.next());
    if (event.kind == XmlEvent::Kind::kDone) return malformed("it ends too early");
  }
  return {};
}

std::string xml_escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&apos;"; break;
      // Control characters cannot be written in XML 1.0 at all.
      default:
        out.push_back(static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c);
    }
  }
  return out;
}

}  // namespace spillway::cloud
