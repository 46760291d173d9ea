#include <nlohmann/json.hpp>

#include <spillway/kube/client.h>

#include "json_reader.h"

namespace spillway::kube {
namespace {

// Walks over JSON text without building anything: just enough to find where values begin and end.
// It accepts some text that is not JSON; every value that is used is parsed strictly afterwards.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  [[nodiscard]] std::size_t position() const { return at_; }
  char peek() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char expected) {
    if (peek() != expected) return false;
    ++at_;
    return true;
  }
  // The text between the quotes, as written.
  std::optional<std::string_view> string() {
    if (!take('"')) return std::nullopt;
    const std::size_t begin = at_;
    while (at_ < text_.size()) {
      at_ = text_.find_first_of("\"\\", at_);
      if (at_ == std::string_view::npos) break;
      if (text_[at_] == '"') return text_.substr(begin, at_++ - begin);
      at_ += 2;
    }
    at_ = text_.size();
    return std::nullopt;
  }
  // Skips one value of any kind and returns its text.
  std::optional<std::string_view> value() {
    const char first = peek();
    const std::size_t begin = at_;
    if (first == '"') {
      if (!string()) return std::nullopt;
    } else if (first == '{' || first == '[') {
      if (!nested()) return std::nullopt;
    } else {
      at_ = std::min(text_.find_first_of(",]} \n\t\r", at_), text_.size());
      if (at_ == begin) return std::nullopt;
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  bool nested() {
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      at_ = text_.find_first_of("\"{}[]", at_);
      if (at_ == std::string_view::npos) break;
      const char c = text_[at_];
      if (c == '"') {
        if (!string()) return false;
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      if (depth == 0) return true;
    }
    at_ = text_.size();
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

tl::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::kInternal, "the API server's list is malformed: " + std::string(what));
}

}  // namespace

Result<ListPage> ListPage::parse(std::string body) {
  ListPage page;
  page.body_ = std::move(body);
  Scanner scan(page.body_);
  if (!scan.take('{')) return malformed("not an object");
  bool has_items = false;
  std::string_view metadata;
  if (!scan.take('}')) {
    do {
      const auto key = scan.string();
      if (!key || !scan.take(':')) return malformed("a key is missing");
      if (*key == "items" && scan.peek() == '[') {
        has_items = true;
        scan.take('[');
        while (!scan.take(']')) {
          const auto item = scan.value();
          if (!item) return malformed("it is cut off within its items");
          page.items_.push_back({.begin = scan.position() - item->size(), .length = item->size()});
          if (!scan.take(',') && scan.peek() != ']')
            return malformed("its items are not separated");
        }
        continue;
      }
      const auto value = scan.value();
      if (!value) return malformed("it is cut off");
      if (*key == "items") has_items = true;  // null: an empty list of an old server
      if (*key == "metadata") metadata = *value;
    } while (scan.take(','));
    if (!scan.take('}')) return malformed("it is cut off");
  }
  const nlohmann::json parsed = nlohmann::json::parse(metadata, nullptr, false);
  if (!has_items || !parsed.is_object()) return malformed("it has no items or no metadata");
  std::optional<Error> error;
  const JsonReader reader(parsed, error);
  page.resource_version_ = ResourceVersion(std::string(reader.text("resourceVersion")));
  page.continue_token_ = reader.text("continue");
  if (error) return malformed(error->message);
  return page;
}

}  // namespace spillway::kube
