// std::min, std::max, std::mutex and std::lock_guard without the rest of <algorithm> and <mutex>,
// which costs every file that includes Sinter a tenth of a second: libstdc++ has them in headers of
// their own.
#pragma once

#if __has_include(<bits/stl_algobase.h>) && __has_include(<bits/std_mutex.h>)
#include <bits/std_mutex.h>
#include <bits/stl_algobase.h>
#else
#include <algorithm>
#include <mutex>
#endif
