#include "metric_families.h"

#include <algorithm>
#include <limits>

namespace spillway::control {

Families::Family Families::begin(std::string_view name, std::string_view help,
                                 prometheus::MetricType type) {
  families_.push_back({.name = std::string(name), .help = std::string(help), .type = type});
  seen_.emplace_back();
  return {*this, families_.size() - 1};
}

Families::Family Families::gauge(std::string_view name, std::string_view help) {
  return begin(name, help, prometheus::MetricType::Gauge);
}

Families::Family Families::counter(std::string_view name, std::string_view help) {
  return begin(name, help, prometheus::MetricType::Counter);
}

Families::Family Families::histogram(std::string_view name, std::string_view help) {
  return begin(name, help, prometheus::MetricType::Histogram);
}

prometheus::ClientMetric* Families::Family::begin(std::initializer_list<Label> labels) {
  prometheus::MetricFamily& family = owner_->families_[index_];
  if (family.metric.size() >= owner_->max_series_) {
    ++owner_->left_out_;
    return nullptr;
  }
  prometheus::ClientMetric metric;
  for (const Label& label : labels)
    metric.label.push_back({std::string(label.name), label.value});
  // Prometheus refuses a whole scrape for one series that is there twice.
  if (!owner_->seen_[index_].insert(metric.label).second) return nullptr;
  family.metric.push_back(std::move(metric));
  return &family.metric.back();
}

Families::Family& Families::Family::add(double value, std::initializer_list<Label> labels) {
  if (prometheus::ClientMetric* metric = begin(labels)) {
    metric->gauge.value = value;
    metric->counter.value = value;
  }
  return *this;
}

Families::Family& Families::Family::add(const DurationHistogram& histogram,
                                        std::initializer_list<Label> labels) {
  prometheus::ClientMetric* metric = begin(labels);
  if (metric == nullptr) return *this;
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
    so_far += histogram.counts()[i];
    const bool last = i == DurationHistogram::kBounds.size();
    metric->histogram.bucket.push_back(
        {.cumulative_count = so_far,
         .upper_bound = last ? std::numeric_limits<double>::infinity()
                             : seconds(DurationHistogram::kBounds[i])});
  }
  metric->histogram.sample_count = so_far;
  metric->histogram.sample_sum = seconds(histogram.sum());
  return *this;
}

std::vector<prometheus::MetricFamily> Families::take() {
  std::sort(families_.begin(), families_.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return std::move(families_);
}

}  // namespace spillway::control
