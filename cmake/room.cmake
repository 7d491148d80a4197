# varve_room(NAME <folder> [USES <room>...] [LIBS <target>...] [HOT | COLD])
#
# Declares the static library varve_<folder> from the *.cc files of the calling folder. By their suffix, files become:
#   *_test.cc   the unit tests, one executable a room (varve_<folder>_test), each test known to ctest
#   *_bench.cc  micro benchmarks, one executable a room
#   *_fuzz.cc   one libFuzzer executable a file; in the unit tests of debug builds, which have sanitizers, a test that replays
#               tests/corpus/NAME
# HOT: where the processor's time goes; optimised a little in debug builds too, which take long enough to compile otherwise.
# COLD: where it does not go; optimised a little in release builds, so that they are compiled sooner.
# Unit tests are not part of `all`, so that whoever wants the program alone gets it alone: the target unit_tests has them.
# A folder `testing/` holds helpers that other rooms' tests may link, as varve_<folder>_testing.
function(varve_room)
  cmake_parse_arguments(ROOM "HOT;COLD" "NAME" "USES;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cc)
  file(GLOB benches CONFIGURE_DEPENDS *_bench.cc)
  file(GLOB fuzzers CONFIGURE_DEPENDS *_fuzz.cc)
  file(GLOB helpers CONFIGURE_DEPENDS testing/*.cc)
  list(REMOVE_ITEM sources ${tests} ${benches} ${fuzzers} ${CMAKE_CURRENT_SOURCE_DIR}/main.cc)

  set(library varve_${ROOM_NAME})
  list(TRANSFORM ROOM_USES PREPEND varve_ OUTPUT_VARIABLE used)
  if(NOT sources)  # a room that is not furnished yet
    add_library(${library} INTERFACE)
    return()
  endif()
  add_library(${library} STATIC ${sources})
  target_include_directories(${library} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  # -Wrestrict: GCC 12 warns falsely about std::string's operator+.
  target_compile_options(${library} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> -Werror)
  if(ROOM_HOT)
    target_compile_options(${library} PRIVATE $<$<CONFIG:Debug>:-O1>)
  endif()
  if(ROOM_COLD)
    target_compile_options(${library} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
  target_link_libraries(${library} PUBLIC ${used} ${ROOM_LIBS} Threads::Threads)

  if(VARVE_TESTS AND helpers)
    add_library(${library}_testing STATIC EXCLUDE_FROM_ALL ${helpers})
    target_link_libraries(${library}_testing PUBLIC ${library} gtest)
  endif()
  if(VARVE_TESTS AND tests)
    set(replays)
    if(CMAKE_BUILD_TYPE STREQUAL Debug)
      set(replays ${fuzzers})
    endif()
    add_executable(${library}_test EXCLUDE_FROM_ALL ${tests} ${replays})
    add_dependencies(unit_tests ${library}_test)
    target_compile_options(${library}_test PRIVATE -O0)  # tests are compiled far more often than they run
    target_link_libraries(${library}_test PRIVATE ${library} GTest::gtest GTest::gtest_main)
    foreach(room ${ROOM_NAME} ${ROOM_USES})
      if(TARGET varve_${room}_testing)
        target_link_libraries(${library}_test PRIVATE varve_${room}_testing)
      endif()
    endforeach()
    target_compile_definitions(${library}_test PRIVATE VARVE_REPLAY VARVE_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data"
      VARVE_TEST_CORPUS="${CMAKE_SOURCE_DIR}/tests/corpus")
    gtest_discover_tests(${library}_test TEST_PREFIX ${ROOM_NAME}. DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60)
  endif()
  if(VARVE_BENCHMARKS AND benches)
    find_package(benchmark REQUIRED)
    add_executable(${library}_bench ${benches})
    target_link_libraries(${library}_bench PRIVATE ${library} benchmark::benchmark benchmark::benchmark_main)
  endif()
  if(VARVE_FUZZ)
    foreach(fuzzer ${fuzzers})
      get_filename_component(target ${fuzzer} NAME_WE)
      add_executable(${target} ${fuzzer})
      target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
      target_link_libraries(${target} PRIVATE ${library})
    endforeach()
  endif()
endfunction()
