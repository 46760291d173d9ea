#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include <spillway/plan/programme_library.h>

namespace spillway::plan {
namespace {

// The grid of tables. Costs are concave in the price ratio and near linear between these.
constexpr double kRatioStep = 1.25;
constexpr double kLargestRatio = 12;
constexpr double kScaleStep = 2;
constexpr double kLargestScale = 4;  // and 1 / 4 the smallest
constexpr double kFailoverStep = 0.25;
constexpr double kChangeoverStep = 1.189207115;  // 2^(1/4), from 0.2 h up and down
constexpr double kChangeoverUnit = 0.2;          // hours
constexpr double kShortestChangeover = 0.0125;
constexpr double kLongestChangeover = 2;

// A value between two grid points; `share` of the upper one.
struct Between {
  double low;
  double high;
  double share;
};

Between on_geometric_grid(double value, double step) {
  const double at = std::log(value) / std::log(step);
  // A value that was itself made from the grid must find its point in spite of rounding.
  const double nearest = std::round(at);
  if (std::abs(at - nearest) < 1e-9)
    return {.low = std::pow(step, nearest), .high = std::pow(step, nearest), .share = 0};
  const double low = std::floor(at);
  return {.low = std::pow(step, low), .high = std::pow(step, low + 1), .share = at - low};
}

Between ratio_grid(double ratio) {
  const double value = std::clamp(ratio, 1.0, kLargestRatio);
  Between found = on_geometric_grid(value, kRatioStep);
  if (found.share > 0)
    found.share =
        (value - found.low) / (found.high - found.low);  // linear: costs are near linear in it
  return found;
}

Between scale_grid(double scale) {
  return on_geometric_grid(std::clamp(scale, 1 / kLargestScale, kLargestScale), kScaleStep);
}

Between failover_grid(double failover) {
  const double at = std::clamp(failover, 0.0, 1.0) / kFailoverStep;
  const double low = std::floor(at);
  return {.low = low * kFailoverStep,
          .high = std::min(1.0, (low + 1) * kFailoverStep),
          .share = at - low};
}

double tabulated_changeover(double changeover) {
  const double value = std::clamp(changeover, kShortestChangeover, kLongestChangeover);
  return kChangeoverUnit * std::pow(kChangeoverStep, std::round(std::log(value / kChangeoverUnit) /
                                                                std::log(kChangeoverStep)));
}

struct Corner {
  ProgrammeTerms terms;
  double weight;
};

std::vector<Corner> corners_of(const ProgrammeTerms& terms) {
  const std::array<Between, 4> axes{ratio_grid(terms.price_ratio), scale_grid(terms.scale.window),
                                    scale_grid(terms.scale.gap), failover_grid(terms.failover)};
  std::vector<Corner> corners;
  for (std::size_t corner = 0; corner < 16; ++corner) {
    std::array<double, 4> value{};
    double weight = 1;
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
      const bool is_high = ((corner >> axis) & 1U) != 0;
      value[axis] = is_high ? axes[axis].high : axes[axis].low;
      weight *= is_high ? axes[axis].share : 1 - axes[axis].share;
    }
    if (weight < 1e-6) continue;
    corners.push_back({.terms = {.changeover_hours = tabulated_changeover(terms.changeover_hours),
                                 .price_ratio = value[0],
                                 .scale = {.window = value[1], .gap = value[2]},
                                 .failover = value[3],
                                 .margin_hours = 0},
                       .weight = weight});
  }
  return corners;
}

}  // namespace

ActionCosts ProgrammeLibrary::Blend::costs(double work_hours, double spare_hours, MarketState state,
                                           std::size_t age_bucket) const {
  ActionCosts sum;
  if (parts_.empty()) return sum;
  // All parts are of one changeover, and none has a margin: one place is the place in all of them.
  const SpotProgramme& any = *parts_.front().programme;
  const auto place = any.locate(work_hours, any.forced_slack_hours() + spare_hours);
  for (const Part& part : parts_) {
    const ActionCosts one = part.programme->costs(place, state, age_bucket);
    sum.wait += part.weight * one.wait;
    sum.enter_spot += part.weight * one.enter_spot;
    sum.enter_on_demand += part.weight * one.enter_on_demand;
    sum.stay_on_demand += part.weight * one.stay_on_demand;
    sum.stay_spot += part.weight * one.stay_spot;
  }
  return sum;
}

ProgrammeLibrary::Blend ProgrammeLibrary::blend(const ProgrammeTerms& terms) const {
  const std::vector<Corner> corners = corners_of(terms);
  Blend blend;
  if (making_ == Making::kAtOnce) {
    for (const Corner& corner : corners)
      blend.parts_.push_back({.programme = table(corner.terms), .weight = corner.weight});
    return blend;
  }
  const std::scoped_lock lock(mutex_);
  const bool any_there = std::any_of(tables_.begin(), tables_.end(), [&](const Kept& kept) {
    return kept.table->terms().changeover_hours == corners.front().terms.changeover_hours;
  });
  if (!any_there) {  // a coarse answer: the table that counts most, in place of all of them
    make(std::max_element(corners.begin(), corners.end(), [](const Corner& a, const Corner& b) {
           return a.weight < b.weight;
         })->terms);
  }
  for (const Corner& corner : corners) {
    Table programme = find(corner.terms);
    if (!programme) {
      if (wanted_.size() < kMostWanted) wanted_.insert(corner.terms);
      programme = nearest(corner.terms);
    }
    blend.parts_.push_back({.programme = std::move(programme), .weight = corner.weight});
  }
  return blend;
}

ActionCosts ProgrammeLibrary::costs(const Question& question) const {
  return blend(question.terms)
      .costs(question.work_hours, question.spare_hours, question.state,
             age_bucket(question.age_hours));
}

void ProgrammeLibrary::warm(const ProgrammeTerms& terms) const {
  for (const Corner& corner : corners_of(terms))
    static_cast<void>(table(corner.terms));
}

ProgrammeLibrary::Size ProgrammeLibrary::size() const {
  const std::scoped_lock lock(mutex_);
  return {.tables = tables_.size(), .bytes = bytes_, .made = made_};
}

std::size_t ProgrammeLibrary::wanted() const {
  const std::scoped_lock lock(mutex_);
  return wanted_.size();
}

bool ProgrammeLibrary::make_wanted() {
  const std::scoped_lock lock(mutex_);
  // What is in use is not dropped for what is wanted: otherwise both would be wanted in turn.
  const std::size_t needed = tables_.empty() ? 0 : tables_.front().table->bytes();
  while (bytes_ + needed > max_bytes_ && tables_.size() > 1 && tables_.back().used < round_)
    drop_beyond(bytes_ - 1);
  if (wanted_.empty() || bytes_ + needed > max_bytes_) {
    wanted_.clear();
    ++round_;
    return false;
  }
  const ProgrammeTerms terms = *wanted_.begin();
  wanted_.erase(wanted_.begin());
  if (!find(terms)) make(terms);
  return true;
}

bool ProgrammeLibrary::Order::operator()(const ProgrammeTerms& a, const ProgrammeTerms& b) const {
  const auto key = [](const ProgrammeTerms& terms) {
    return std::tuple(terms.changeover_hours, terms.price_ratio, terms.scale.window,
                      terms.scale.gap, terms.failover, terms.margin_hours);
  };
  return key(a) < key(b);
}

ProgrammeLibrary::Table ProgrammeLibrary::find(const ProgrammeTerms& terms) const {
  const auto found = std::find_if(tables_.begin(), tables_.end(),
                                  [&](const Kept& kept) { return kept.table->terms() == terms; });
  if (found == tables_.end()) return nullptr;
  found->used = round_;
  tables_.splice(tables_.begin(), tables_, found);
  return tables_.front().table;
}

ProgrammeLibrary::Table ProgrammeLibrary::make(const ProgrammeTerms& terms) const {
  tables_.push_front({.table = std::make_shared<const SpotProgramme>(terms), .used = round_});
  ++made_;
  bytes_ += tables_.front().table->bytes();
  drop_beyond(max_bytes_);
  return tables_.front().table;
}

void ProgrammeLibrary::drop_beyond(std::size_t bytes) const {
  while (bytes_ > bytes && tables_.size() > 1) {
    bytes_ -= tables_.back().table->bytes();
    tables_.pop_back();
  }
}

namespace {

// In steps of the grid; infinite between different changeovers, whose tables have other axes.
double distance(const ProgrammeTerms& a, const ProgrammeTerms& b) {
  if (a.changeover_hours != b.changeover_hours) return std::numeric_limits<double>::infinity();
  const auto steps = [](double x, double y, double step) {
    return std::abs(std::log(x / y)) / std::log(step);
  };
  return steps(a.price_ratio, b.price_ratio, kRatioStep) +
         steps(a.scale.window, b.scale.window, kScaleStep) +
         steps(a.scale.gap, b.scale.gap, kScaleStep) +
         std::abs(a.failover - b.failover) / kFailoverStep;
}

}  // namespace

// Of equally near ones the first by their terms, not the one used last. One of this changeover is
// there: blend() sees to it.
ProgrammeLibrary::Table ProgrammeLibrary::nearest(const ProgrammeTerms& terms) const {
  const auto best =
      std::min_element(tables_.begin(), tables_.end(), [&](const Kept& a, const Kept& b) {
        const double to_a = distance(a.table->terms(), terms);
        const double to_b = distance(b.table->terms(), terms);
        return to_a != to_b ? to_a < to_b : Order()(a.table->terms(), b.table->terms());
      });
  return find(best->table->terms());
}

ProgrammeLibrary::Table ProgrammeLibrary::table(const ProgrammeTerms& terms) const {
  const std::scoped_lock lock(mutex_);
  Table there = find(terms);
  return there ? there : make(terms);
}

}  // namespace spillway::plan
