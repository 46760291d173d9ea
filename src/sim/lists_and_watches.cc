#include <algorithm>
#include <map>
#include <string_view>

#include <spillway/core/check.h>
#include <spillway/sim/api_server.h>

#include "json_text.h"
#include "target.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxPages = 100;  // lists that were begun and not finished
constexpr int kDefaultWatchSeconds = 1800;

const json& labels_of(const json& object) {
  static const json none;
  const auto found = object.at("metadata").find("labels");
  return found == object.at("metadata").end() ? none : *found;
}

std::string line_of(std::string_view type, const std::string& object) {
  constexpr std::string_view kBegin = R"({"type":")";
  constexpr std::string_view kMiddle = R"(","object":)";
  std::string line;
  line.reserve(kBegin.size() + type.size() + kMiddle.size() + object.size() + 1);
  line.append(kBegin).append(type).append(kMiddle).append(object) += '}';
  return line;
}

WatchFrame frame_of(std::string_view type, const ObjectKey& key, std::uint64_t version,
                    const std::string& object) {
  return {.type = type, .key = key, .version = version, .line = line_of(type, object)};
}

std::uint64_t version_of(const json& object) {
  return std::stoull(object.at("metadata").at("resourceVersion").get_ref<const std::string&>());
}

// What a watch hears of a change, by its selector; an object that leaves it is told as it was last,
// at the version at which it left.
std::string_view heard(const LabelSelector& selector, const Change& change) {
  const bool was = change.before && selector.matches(labels_of(*change.before));
  const bool is =
      change.kind != ChangeKind::kDeleted && selector.matches(labels_of(*change.object));
  if (is) return was ? "MODIFIED" : "ADDED";
  return was ? "DELETED" : "";
}

// Told to a watch that does not select it any more: as it was last.
std::string text_of_gone(const Change& change) {
  json gone = *change.before;
  gone["metadata"]["resourceVersion"] = std::to_string(change.version);
  return json_text(gone);
}

// What a bookmark shows beside its version: the zero value of the server's own type. The type
// that a Deployment is kept as has its replicas even when nobody gave them.
json zero_value(const Kind& kind) {
  json zero = kind.skeleton;
  if (kind.type == kube::kDeployments || kind.type.plural == "statefulsets")
    zero["spec"]["replicas"] = 0;
  return zero;
}

// Every watch gets one a minute, in a month half a million: put together as text.
std::string bookmark_text(const Kind& kind, std::uint64_t version,
                          const std::string& annotations = "") {
  static const std::map<std::string_view, std::string> tails = [] {
    std::map<std::string_view, std::string> texts;
    for (const Kind& served : all_kinds()) {
      const json zero = zero_value(served);
      std::string& text = texts[served.type.plural];
      if (!zero.empty()) text = "," + json_text(zero).substr(1);
    }
    return texts;
  }();
  const std::string& tail = tails.at(kind.type.plural);
  return R"({"apiVersion":")" + kind.type.api_version() + R"(","kind":")" +
         std::string(kind.type.kind) + R"(","metadata":{)" + annotations +
         R"("resourceVersion":")" + std::to_string(version) + R"("})" + (tail.empty() ? "}" : tail);
}

}  // namespace

Answer<kube::HttpResponse> ApiServer::list(const Target& target) {
  const auto selector = LabelSelector::parse(target.parameter("labelSelector"));
  if (!selector) return bad_request("unable to parse requirement: " + selector.error().message);
  const Answer<std::uint64_t> at_least = parse_version(target.parameter("resourceVersion"));
  if (!at_least) return Refused(at_least.error());
  if (*at_least > store_.version()) return version_too_large(*at_least, store_.version());
  if (*at_least == 0 && !target.parameter("resourceVersionMatch").empty()) {
    return invalid_options(
        "ListOptions",
        {.reason = "FieldValueForbidden",
         .message =
             "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
         .field = "resourceVersionMatch"});
  }
  const std::string limit_text = target.parameter("limit");
  const std::size_t limit = limit_text.empty() ? 0 : std::stoul(limit_text);

  Page page{.version = store_.version(), .rest = {}};
  if (const std::string token = target.parameter("continue"); !token.empty()) {
    const auto begun = pages_.find(token);
    if (begun == pages_.end() || begun->second.version < store_.compacted()) {
      return expired(
          "The provided continue parameter is too old to display a consistent list result. You can "
          "start a new list "
          "without the continue parameter, or use the continue token in this response to retrieve "
          "the remainder of the "
          "results. Continuing with the provided token results in an inconsistent list - objects "
          "that were created, "
          "modified, or deleted between the time the first chunk was returned and now may show up "
          "in the list.");
    }
    page = begun->second;
  } else {
    for (const auto& [key, object] : store_.collection(target.kind->type)) {
      const bool here = target.key.ns.empty() || key.ns == target.key.ns;
      if (here && selector->matches(labels_of(*object))) page.rest.push_back(object);
    }
  }
  json metadata = {{"resourceVersion", std::to_string(page.version)}};
  if (target.kind->own) metadata["continue"] = "";
  std::size_t given = page.rest.size();
  if (limit > 0 && given > limit) {
    given = limit;
    if (pages_.size() >= kMaxPages) pages_.erase(pages_.begin());
    char token[32];
    std::snprintf(token, sizeof token, "page-%012llu",
                  static_cast<unsigned long long>(++pages_given_));
    pages_[token] = {
        .version = page.version,
        .rest = {page.rest.begin() + static_cast<std::ptrdiff_t>(limit), page.rest.end()}};
    metadata["continue"] = token;
    if (selector->everything()) metadata["remainingItemCount"] = page.rest.size() - limit;
  }
  json items = json::array();
  for (std::size_t i = 0; i < given; ++i) {
    json item = *page.rest[i];
    if (!target.kind->own) {  // only custom resources repeat them on every item
      item.erase("apiVersion");
      item.erase("kind");
    }
    items.push_back(std::move(item));
  }
  return json_response(200, {{"kind", std::string(target.kind->type.kind) + "List"},
                             {"apiVersion", target.kind->type.api_version()},
                             {"metadata", std::move(metadata)},
                             {"items", std::move(items)}});
}

ApiServer::Opened ApiServer::open(const kube::HttpRequest& request, Sink sink) {
  const auto refuse = [&](const Refusal& refusal) {
    if (refusal.code == 501) note_unknown(request);
    return Opened{.head = json_response(refusal.code, refusal.to_json())};
  };
  const Answer<Target> target = parse(request);
  if (!target) return refuse(target.error());
  if (request.method != kube::Method::kGet || !target->flag("watch") || !target->key.name.empty()) {
    return refuse(not_implemented(request.target).value());
  }
  const auto selector = LabelSelector::parse(target->parameter("labelSelector"));
  if (!selector)
    return refuse(bad_request("unable to parse requirement: " + selector.error().message).value());
  const Answer<std::uint64_t> from = parse_version(target->parameter("resourceVersion"));
  if (!from) return refuse(from.error());
  const bool initial = target->flag("sendInitialEvents");
  if (initial && target->parameter("resourceVersionMatch") != "NotOlderThan")
    return refuse(not_implemented(request.target).value());
  if (initial && *from > store_.version())
    return refuse(version_too_large(*from, store_.version()).value());
  const std::string seconds = target->parameter("timeoutSeconds");
  Opened opened{
      .head = {.status = 200},
      .id = ++last_watch_,
      .timeout = std::chrono::seconds(seconds.empty() ? kDefaultWatchSeconds : std::stoi(seconds)),
      .bookmarks = target->flag("allowWatchBookmarks")};
  const Watch watch{.kind = target->kind,
                    .ns = target->key.ns,
                    .selector = *selector,
                    .after = initial ? 0 : *from,
                    .sink = std::move(sink)};
  start_watch(watch, *target);
  watches_.emplace(opened.id, watch);
  return opened;
}

// What a new watch hears at once: what is there (from nothing, "0" or when asked for), or what it
// missed.
void ApiServer::start_watch(const Watch& watch, const Target& target) {
  const std::uint64_t from = parse_version(target.parameter("resourceVersion")).value();
  const bool initial = target.flag("sendInitialEvents");
  if (initial || from == 0) {
    for (const auto& [key, object] : store_.collection(watch.kind->type)) {
      const bool here = watch.ns.empty() || key.ns == watch.ns;
      if (here && watch.selector.matches(labels_of(*object)))
        watch.sink(frame_of("ADDED", key, version_of(*object), text_of(object)));
    }
    if (!initial || !target.flag("allowWatchBookmarks")) return;
    constexpr const char* kEnd = R"("annotations":{"k8s.io/initial-events-end":"true"},)";
    watch.sink(frame_of("BOOKMARK", {}, store_.version(),
                        bookmark_text(*watch.kind, store_.version(), kEnd)));
    return;
  }
  if (from < store_.compacted()) {
    const Refusal gone = expired("too old resource version: " + std::to_string(from) + " (" +
                                 std::to_string(store_.compacted()) + ")")
                             .value();
    watch.sink({.type = "ERROR", .line = line_of("ERROR", json_text(gone.to_json()))});
    return;
  }
  for (auto at = store_.after(from); at != store_.history().end(); ++at) {
    const Change& change = *at;
    if (!(change.type == watch.kind->type)) continue;
    if (!watch.ns.empty() && change.key.ns != watch.ns) continue;
    tell(watch, change);
  }
}

const std::string& ApiServer::text_of(const Object& object) {
  if (latest_text_.object != object) latest_text_ = {.object = object, .text = json_text(*object)};
  return latest_text_.text;
}

void ApiServer::tell(const Watch& watch, const Change& change) {
  const std::string_view type = heard(watch.selector, change);
  if (type.empty()) return;
  const bool as_it_was = type == "DELETED" && change.kind != ChangeKind::kDeleted;
  watch.sink(frame_of(type, change.key, change.version,
                      as_it_was ? text_of_gone(change) : text_of(change.object)));
}

void ApiServer::tell_watches(const Change& change) {
  for (const auto& [id, watch] : watches_) {
    if (!(watch.kind->type == change.type) || (!watch.ns.empty() && change.key.ns != watch.ns))
      continue;
    if (change.version > watch.after) tell(watch, change);
  }
}

std::optional<WatchFrame> ApiServer::bookmark(WatchId id) const {
  const auto watch = watches_.find(id);
  SPILLWAY_CHECK(watch != watches_.end());
  if (store_.version() < watch->second.after) return std::nullopt;
  return frame_of("BOOKMARK", {}, store_.version(),
                  bookmark_text(*watch->second.kind, store_.version()));
}

void ApiServer::compact() {
  store_.compact(store_.version());
  pages_.clear();
}

}  // namespace spillway::sim
