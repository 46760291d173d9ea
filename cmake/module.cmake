# One static library per module, and the dependency direction enforced by the compiler:
# the public headers of a module are reachable only through an include root of its own
# (build/include/<module>/spillway/<module> -> include/spillway/<module>), which a target gets
# by linking the module. A module that includes a header it may not use does not compile.

# Which modules a module may use; the order is the order of the layers (docs/architecture.md).
set(SPILLWAY_ALLOWED_core "")
set(SPILLWAY_ALLOWED_async core)
set(SPILLWAY_ALLOWED_api core)
set(SPILLWAY_ALLOWED_cloud core async)
set(SPILLWAY_ALLOWED_market core async api cloud)
set(SPILLWAY_ALLOWED_plan core api market)
set(SPILLWAY_ALLOWED_kube core async)
set(SPILLWAY_ALLOWED_storage core async cloud)
set(SPILLWAY_ALLOWED_cost core api)
set(SPILLWAY_ALLOWED_control core async api cloud market plan kube storage)
set(SPILLWAY_ALLOWED_sim core async api cloud market plan kube storage control cost)

# spillway_module(<name> SOURCES ... [MODULES ...] [LIBRARIES ...] [PRIVATE_LIBRARIES ...])
function(spillway_module name)
  cmake_parse_arguments(M "" "" "SOURCES;MODULES;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
  if(NOT DEFINED SPILLWAY_ALLOWED_${name})
    message(FATAL_ERROR "module '${name}' has no entry in cmake/module.cmake: say which modules it may use")
  endif()
  foreach(used IN LISTS M_MODULES)
    if(NOT used IN_LIST SPILLWAY_ALLOWED_${name})
      message(FATAL_ERROR "module '${name}' may not use '${used}': dependencies point only upwards (cmake/module.cmake)")
    endif()
  endforeach()
  set(root ${PROJECT_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${root}/spillway)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/include/spillway/${name} ${root}/spillway/${name} SYMBOLIC)
  add_library(spillway_${name} STATIC ${M_SOURCES})
  target_include_directories(spillway_${name} PUBLIC ${root} PRIVATE ${PROJECT_SOURCE_DIR}/src/${name})
  list(TRANSFORM M_MODULES PREPEND spillway_)
  target_link_libraries(spillway_${name}
    PUBLIC spillway_options ${M_MODULES} ${M_LIBRARIES}
    PRIVATE spillway_warnings ${M_PRIVATE_LIBRARIES})
  spillway_check_headers(${name})
endfunction()

# Every public header compiles alone: one generated source per header, in an object library of the module.
function(spillway_check_headers name)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/spillway/${name}/*.h)
  set(sources "")
  foreach(header IN LISTS headers)
    get_filename_component(stem ${header} NAME_WE)
    set(source ${PROJECT_BINARY_DIR}/headers/${name}/${stem}.cc)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include <spillway/${name}/${stem}.h>\n")
    list(APPEND sources ${source})
  endforeach()
  if(sources)
    add_library(headers_${name} OBJECT EXCLUDE_FROM_ALL ${sources})
    target_link_libraries(headers_${name} PRIVATE spillway_${name} spillway_warnings)
    add_dependencies(check_headers headers_${name})
  endif()
endfunction()

# spillway_test(<name> SOURCES ... MODULES ... [LIBRARIES ...] [LABELS ...] [FILTER ...]): a GoogleTest program, one ctest entry
# for each case that the filter selects ("-*" for none: another test runs the program).
function(spillway_test name)
  cmake_parse_arguments(T "" "FILTER" "SOURCES;MODULES;LIBRARIES;LABELS" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  list(TRANSFORM T_MODULES PREPEND spillway_)
  target_link_libraries(${name} PRIVATE ${T_MODULES} ${T_LIBRARIES} spillway_warnings GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE SPILLWAY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(NOT T_LABELS)
    set(T_LABELS unit)
  endif()
  gtest_discover_tests(${name} TEST_PREFIX "${name}." TEST_FILTER "${T_FILTER}" DISCOVERY_TIMEOUT 60 PROPERTIES LABELS "${T_LABELS}" TIMEOUT 300)
endfunction()
