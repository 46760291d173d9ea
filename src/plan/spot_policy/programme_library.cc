#include <algorithm>
#include <array>
#include <cmath>
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
  Blend blend;
  for (const Corner& corner : corners_of(terms))
    blend.parts_.push_back({.programme = table(corner.terms), .weight = corner.weight});
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

std::shared_ptr<const SpotProgramme> ProgrammeLibrary::table(const ProgrammeTerms& terms) const {
  const std::scoped_lock lock(mutex_);
  const auto found = std::find_if(tables_.begin(), tables_.end(), [&](const auto& programme) {
    return programme->terms() == terms;
  });
  if (found != tables_.end()) {
    tables_.splice(tables_.begin(), tables_, found);
    return tables_.front();
  }
  tables_.push_front(std::make_shared<const SpotProgramme>(terms));
  ++made_;
  bytes_ += tables_.front()->bytes();
  while (bytes_ > max_bytes_ && tables_.size() > 1) {
    bytes_ -= tables_.back()->bytes();
    tables_.pop_back();
  }
  return tables_.front();
}

}  // namespace spillway::plan
