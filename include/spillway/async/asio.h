#pragma once
// The way to Asio: Boost 1.74's awaitable.hpp uses std::exchange without including <utility>
// (fixed after 1.74). A file that needs more of Asio or Beast includes this header before the
// others.

#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace spillway {
namespace asio = boost::asio;

template <class T>
using Task = asio::awaitable<T>;  // a coroutine on the control thread
}  // namespace spillway
