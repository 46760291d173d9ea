# Compiler flags, in two interface targets: what every consumer must share, and the warnings of our own code.
add_library(spillway_options INTERFACE)
target_compile_features(spillway_options INTERFACE cxx_std_20)
# Boost 1.74 does not recognise clang 19's coroutines by itself.
target_compile_definitions(spillway_options INTERFACE
  BOOST_ASIO_HAS_CO_AWAIT=1 BOOST_ASIO_HAS_STD_COROUTINE=1 BOOST_ASIO_NO_DEPRECATED
  SPDLOG_FMT_EXTERNAL _GLIBCXX_ASSERTIONS
  SPILLWAY_VERSION="${PROJECT_VERSION}")
target_compile_options(spillway_options INTERFACE -fstack-protector-strong -fno-omit-frame-pointer
  $<$<CONFIG:Release>:-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections>
  $<$<CONFIG:Debug>:-gline-tables-only>)
target_link_options(spillway_options INTERFACE -Wl,-z,relro,-z,now $<$<CONFIG:Release>:-Wl,--gc-sections>)
if(SPILLWAY_SANITIZE)
  target_compile_options(spillway_options INTERFACE -fsanitize=${SPILLWAY_SANITIZE} -fno-sanitize-recover=all -O1)
  target_link_options(spillway_options INTERFACE -fsanitize=${SPILLWAY_SANITIZE})
endif()

add_library(spillway_warnings INTERFACE)
target_compile_options(spillway_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wimplicit-fallthrough -Werror
  # A designated initialiser names what it sets; the members left out have their defaults.
  -Wno-missing-designated-field-initializers -Wno-missing-field-initializers)
