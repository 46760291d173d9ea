#include "report.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "html.h"
#include "report_axis.h"
#include "report_parts.h"
#include "report_series.h"
#include "sample_report.h"

namespace spillway::cli {
namespace {

using testing::sample_report;

// A page is too long to be printed by a matcher.
bool holds(const std::string& page, std::string_view part) {
  return page.find(part) != std::string::npos;
}

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

TEST(Html, what_could_be_markup_is_text) {
  EXPECT_EQ(escape_html("<script>alert(\"1\" & '2')</script>"),
            "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;");
  EXPECT_EQ(escape_html("\x1b[31mz\xC3\xBC"), " [31mz\xC3\xBC");
}

TEST(Html, bytes_that_are_no_text_do_not_break_the_page) {
  EXPECT_EQ(escape_html("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(escape_html("a\xC3"), "a\xEF\xBF\xBD");
  EXPECT_EQ(escape_html("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
}

TEST(Html, a_coordinate_is_always_a_number) {
  EXPECT_EQ(coordinate(12.34), "12.3");
  EXPECT_EQ(coordinate(12), "12");
  EXPECT_EQ(coordinate(-0.01), "0");
  EXPECT_EQ(coordinate(std::nan("")), "0");
  EXPECT_EQ(coordinate(std::numeric_limits<double>::infinity()), "0");
}

TEST(ReportAxis, ticks_are_round_and_few) {
  const ValueAxis money(47'312);
  EXPECT_EQ(money.ticks(), (std::vector<double>{0, 20'000, 40'000, 60'000}));
  EXPECT_EQ(money.y(0), 1000);
  EXPECT_EQ(money.y(60'000), 0);
  const Instant from = parse_instant("2020-01-05T07:30:00Z").value();
  for (const auto length : {3, 40, 24 * 9, 24 * 31, 24 * 366}) {
    const TimeAxis time(from, from + std::chrono::hours(length));
    const auto ticks = time.ticks();
    EXPECT_GE(ticks.size(), 2u) << length;
    EXPECT_LE(ticks.size(), 9u) << length;
  }
  EXPECT_EQ(TimeAxis(from, from + std::chrono::hours(24 * 30)).ticks().front().label, "10 Jan");
  EXPECT_TRUE(TimeAxis(from, from).ticks().empty());
  EXPECT_EQ(TimeAxis(from, from).x(from), 0);
}

TEST(ReportSeries, bins_hold_the_mean_over_time) {
  const Instant from = parse_instant("2020-01-05T00:00:00Z").value();
  const TimeAxis time(from, from + std::chrono::hours(400));  // an hour a bin
  const auto at = [&](int minute) { return from + std::chrono::minutes(minute); };
  const Binned bins = binned({{at(30), 8}, {at(90), 2}, {at(120), 0}}, time, 1);
  EXPECT_DOUBLE_EQ(bins[0], 4);  // nothing in the first half of the hour
  EXPECT_DOUBLE_EQ(bins[1], 5);
  EXPECT_DOUBLE_EQ(bins[2], 0);
}

TEST(ReportSeries, a_spike_between_two_pixels_stays_visible) {
  const Instant from = parse_instant("2020-01-05T00:00:00Z").value();
  const TimeAxis time(from, from + std::chrono::hours(1000));
  const auto point = [&](int minute, int usd) {
    return sim::PricePoint{from + std::chrono::minutes(minute), HourlyRate(Money::dollars(usd))};
  };
  const std::string path = price_path({point(0, 2), point(601, 2), point(602, 10), point(603, 2)},
                                      time, ValueAxis(10), 1);
  EXPECT_EQ(path, "M0 800H10V0V800H1000");
}

TEST(Report, is_one_page_without_anything_from_elsewhere) {
  const std::string page = report_html(sample_report());
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  EXPECT_FALSE(holds(page, "http:"));
  EXPECT_FALSE(holds(page, "https:"));
  EXPECT_FALSE(holds(page, "src="));
  EXPECT_FALSE(holds(page, "url("));
  EXPECT_TRUE(holds(page, "prefers-color-scheme:dark"));
  EXPECT_TRUE(holds(page, "@media print"));
  EXPECT_EQ(count(page, "<svg"), count(page, "</svg>"));
  EXPECT_EQ(count(page, "<svg"),
            count(page, "role=\"img\" aria-label=\"") - count(page, "class=\"stack\""));
  for (const char* tag : {"section", "figure", "div", "table", "span", "details"})
    EXPECT_EQ(count(page, "<" + std::string(tag)), count(page, "</" + std::string(tag) + ">"))
        << tag;
}

TEST(Report, tells_the_figures_that_the_simulation_gives) {
  const sim::SimulationReport report = sample_report();
  const std::string page = report_html(report);
  EXPECT_TRUE(holds(page, "30 days of GPU work for $"));
  EXPECT_TRUE(holds(page, "less than on demand"));
  EXPECT_TRUE(holds(page, ">31<small>27 nodes taken, 9 launches refused"));
  EXPECT_TRUE(holds(page, "11.0\u00a0h"));
  EXPECT_TRUE(holds(page, "states no duration"));
  EXPECT_TRUE(holds(page, "spot-us-west-2a"));
  EXPECT_TRUE(holds(page, "lowest expected cost per useful hour"));
}

TEST(Report, names_from_manifests_cannot_become_markup) {
  sim::SimulationReport report = sample_report();
  const std::string evil = "<script>alert(1)</script>\"'";
  report.workloads[0].team = evil;
  report.workloads[0].name = ObjectName(evil);
  report.workloads[0].ns = Namespace(evil);
  report.workloads[0].phase = evil;
  report.workloads[0].placements[0].reason = evil;
  report.workloads[0].placements[0].pool = PoolName(evil);
  report.pools[1].pool = PoolName(evil);
  report.pools[1].zone = Zone(evil);
  report.pools[1].model = AcceleratorModel(evil);
  report.teams[0].team = evil;
  report.notes.push_back(evil);
  report.violations.push_back(evil);
  const std::string page = report_html(report);
  EXPECT_EQ(count(page, "<script"), 1u);  // the page's own
  EXPECT_FALSE(holds(page, "alert(1)</script>\""));
  EXPECT_TRUE(holds(page, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;"));
}

TEST(Report, has_no_number_that_is_none) {
  sim::SimulationReport empty;
  empty.from = parse_instant("2020-01-05T00:00:00Z").value();
  empty.to = empty.from + std::chrono::hours(1);
  sim::SimulationReport without_on_demand = sample_report();
  without_on_demand.totals.on_demand_equivalent.reset();
  without_on_demand.totals.saved.reset();
  for (auto& point : without_on_demand.cost_curve)
    point.on_demand_equivalent.reset();
  for (auto& pool : without_on_demand.pools) {
    pool.on_demand.reset();
    pool.price.clear();
  }
  sim::SimulationReport free = sample_report();
  for (auto& pool : free.pools) {
    for (auto& point : pool.price)
      point.per_node = HourlyRate();
    pool.on_demand.reset();
  }
  free.totals.on_demand_equivalent = Money();
  free.totals.saved = Money();
  for (const sim::SimulationReport& report : {empty, without_on_demand, free}) {
    const std::string page = report_html(report);
    for (const char* bad : {"nan", "\"inf", "-inf", "NaN%", "inf%"})
      EXPECT_FALSE(holds(page.substr(page.find("<main")), bad)) << bad;
  }
}

TEST(Report, a_month_of_a_thousand_jobs_opens_at_once) {
  const std::string page = report_html(sample_report(
      {.training_jobs = 1000, .inference_pools = 50, .spot_pools = 40, .spans_per_job = 6}));
  std::cout << "a thousand jobs: " << page.size() << " bytes\n";
  EXPECT_LT(page.size(), kMaxReportBytes);
  EXPECT_TRUE(holds(page, "1,000 of 1,050 workloads"));
}

TEST(Report, stays_small_whatever_was_simulated) {
  sim::SimulationReport report = sample_report(
      {.training_jobs = 4000, .inference_pools = 100, .spot_pools = 100, .spans_per_job = 200});
  const std::string longest(253, 'x');
  for (auto& row : report.workloads) {
    row.name = ObjectName(longest);
    row.ns = Namespace(std::string(63, 'n'));
    for (auto& span : row.placements)
      span.reason = std::string(2000, 'r');
  }
  for (auto& pool : report.pools) {
    pool.price.resize(sim::kMaxPoints);
    for (std::size_t i = 0; i < pool.price.size(); ++i) {
      pool.price[i] = {report.from + std::chrono::minutes(43 * static_cast<std::int64_t>(i)),
                       HourlyRate(Money::dollars(static_cast<std::int64_t>(i % 7 + 1)))};
    }
    pool.unavailable.assign(sim::kMaxPoints, {report.from, report.to});
  }
  report.notes.assign(5000, std::string(500, 'n'));
  const std::string page = report_html(report);
  std::cout << "the worst: " << page.size() << " bytes\n";
  EXPECT_LT(page.size(), kMaxReportBytes);
}

TEST(Report, the_same_report_gives_the_same_page) {
  EXPECT_EQ(report_html(sample_report()), report_html(sample_report()));
}

}  // namespace
}  // namespace spillway::cli
