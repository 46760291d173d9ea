#include <sys/stat.h>

#include <algorithm>
#include <map>

#include <spillway/market/feed.h>

namespace spillway::market {
namespace {

struct FileState {
  Instant modified_at{};
  std::int64_t bytes = 0;
  friend bool operator==(const FileState&, const FileState&) = default;
};

Result<FileState> state_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return fail(ErrorCode::kNotFound, "there is no price file '" + path + "'");
  }
  using std::chrono::nanoseconds;
  const auto since_epoch =
      std::chrono::seconds(info.st_mtim.tv_sec) + nanoseconds(info.st_mtim.tv_nsec);
  return FileState{.modified_at = Instant(std::chrono::floor<Duration>(since_epoch)),
                   .bytes = info.st_size};
}

struct Change {
  Instant at;
  HourlyRate spot;
};
struct Entry {
  std::vector<Change> changes;  // by time
  std::optional<HourlyRate> on_demand;
};

class FileFeed final : public PriceFeed {
 public:
  FileFeed(const Runtime& runtime, FeedName name, FileSource source)
      : clock_(runtime.clock), name_(std::move(name)), source_(std::move(source)) {}
  [[nodiscard]] const FeedName& name() const override { return name_; }

  Task<Result<PollResult>> poll(std::vector<PriceKey> wanted) override {
    PollResult out;
    TRY_VOID_CO(reload(out.refused));
    for (const PriceKey& key : wanted) {
      if (auto observation = observe(key)) out.observations.push_back(std::move(*observation));
    }
    co_return out;
  }

 private:
  // Refusals are counted once per version of the file.
  Result<void> reload(RefusalCounts& refused) {
    TRY(state, state_of(source_.path));
    if (state == read_state_) return {};
    TRY(text, read_price_file(source_.path));
    auto recording = parse_recording(text);
    if (!recording) return fail(recording.error().in("price file '" + source_.path + "'"));
    for (const RefusedRow& row : recording->refused)
      refused.add(row.refusal);
    index(*recording, state.modified_at);
    read_state_ = state;
    return {};
  }

  void index(const Recording& recording, Instant modified_at) {
    entries_.clear();
    for (const RecordedPrice& row : recording.prices) {
      const bool other_region = !row.region.empty() && !source_.region.empty();
      if (other_region && row.region != source_.region) continue;
      Entry& entry = entries_[{row.instance_type, row.zone}];
      if (row.spot) entry.changes.push_back({row.changed_at.value_or(modified_at), *row.spot});
      if (row.on_demand) entry.on_demand = row.on_demand;
    }
    for (auto& [key, entry] : entries_) {
      std::sort(entry.changes.begin(), entry.changes.end(),
                [](const Change& a, const Change& b) { return a.at < b.at; });
    }
  }

  [[nodiscard]] const Entry* find(const PriceKey& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second;
  }

  [[nodiscard]] std::optional<PriceObservation> observe(const PriceKey& key) const {
    const Instant now = clock_.now();
    PriceObservation out{.key = key, .heard_at = std::min(read_state_.modified_at, now)};
    if (const Entry* entry = find(key)) {
      out.on_demand = entry->on_demand;
      const auto later = std::upper_bound(entry->changes.begin(), entry->changes.end(), now,
                                          [](Instant at, const Change& c) { return at < c.at; });
      if (later != entry->changes.begin()) {
        out.spot = std::prev(later)->spot;
        out.changed_at = std::prev(later)->at;
      }
    }
    // A row without a zone speaks for the whole region, of on-demand prices only.
    const Entry* regional = find({key.instance_type, Zone()});
    if (!out.on_demand && regional != nullptr) out.on_demand = regional->on_demand;
    if (!out.spot && !out.on_demand) return std::nullopt;
    return out;
  }

  Clock& clock_;
  FeedName name_;
  FileSource source_;
  FileState read_state_;
  std::map<PriceKey, Entry> entries_;
};

}  // namespace

std::unique_ptr<PriceFeed> make_file_feed(const Runtime& runtime, FeedName name,
                                          FileSource source) {
  return std::make_unique<FileFeed>(runtime, std::move(name), std::move(source));
}

}  // namespace spillway::market
