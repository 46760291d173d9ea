#pragma once
// What is served beside the EC2 API:
//
//   GET  /healthz           "ok"
//   GET  /on-demand.csv     the file given as --on-demand, as it is
//   GET  /admin/time        {"at":"2020-01-14T03:10:00Z","speed":60}       only with --admin
//   POST /admin/time        the same object, or ?at=...&speed=...: sets the market's clock; what is
//   left out stays

#include <string>

#include "ec2_api.h"
#include "market_time.h"
#include "messages.h"

namespace spillway::market_server {

struct RouteOptions {
  bool admin = false;
  std::string on_demand_csv;  // empty = not served
};

// References outlive the handler.
Handler make_handler(Ec2Api& api, MarketTime& time, RouteOptions options);

}  // namespace spillway::market_server
