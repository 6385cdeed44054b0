// Every kernel with every type once, for `registers.py`: what nvcc makes of them is compared with
// registers.txt. Nothing here runs.
#include "sinter/kernel/launch.hpp"
#include "stages.hpp"

namespace catalogue {

namespace kernel = sinter::kernel;
using namespace kernel_test;
using sinter::dtype;

// Short names, which also become the kernels' symbols.
struct map_f32 : kernel::kernel_of<stage<chain<dtype::f32>>> {};
struct map_f64 : kernel::kernel_of<stage<chain<dtype::f64>>> {};
struct map_bf16 : kernel::kernel_of<stage<chain<dtype::bf16>>> {};
struct map_i64 : kernel::kernel_of<stage<chain<dtype::i64>>> {};
struct map_mixed : kernel::kernel_of<stage<mixed>> {};
struct map_functor : kernel::kernel_of<stage<user_call, ir::functor_types<scale_and_shift>>> {};
struct map_unary : kernel::kernel_of<stage<twice>> {};
struct map_long : kernel::kernel_of<stage<long_chain>> {};
struct row_softmax_f32 : kernel::kernel_of<stage<softmax<dtype::f32>>> {};
struct row_softmax_f64 : kernel::kernel_of<stage<softmax<dtype::f64>>> {};
struct row_softmax_bf16 : kernel::kernel_of<stage<softmax<dtype::bf16>>> {};
struct row_log_softmax_f32 : kernel::kernel_of<stage<log_softmax<dtype::f32>>> {};
struct row_layer_norm_f32 : kernel::kernel_of<stage<layer_norm<dtype::f32>>> {};
struct row_peaks_f32 : kernel::kernel_of<stage<peaks<dtype::f32>>> {};
struct row_peaks_bool : kernel::kernel_of<stage<peaks<dtype::boolean>>> {};
struct row_sum_i64 : kernel::kernel_of<stage<whole_sum>> {};
struct row_totals_f32 : kernel::kernel_of<stage<row_totals<dtype::f32>>> {};
struct row_columns_f32 : kernel::kernel_of<stage<row_columns<dtype::f32>>> {};
struct row_columns_bf16 : kernel::kernel_of<stage<row_columns<dtype::bf16>>> {};
struct reduce_f32 : kernel::kernel_of<stage<statistics<dtype::f32>>> {};
struct reduce_f64 : kernel::kernel_of<stage<statistics<dtype::f64>>> {};
struct reduce_bf16 : kernel::kernel_of<stage<statistics<dtype::bf16>>> {};
struct reduce_i64 : kernel::kernel_of<stage<statistics<dtype::i64>>> {};
struct reduce_running_f32 : kernel::kernel_of<stage<running>> {};
struct reduce_count_bool : kernel::kernel_of<stage<count>> {};
struct window_f32 : kernel::window<stage<depthwise<dtype::f32>>> {};
struct window_f64 : kernel::window<stage<depthwise<dtype::f64>>> {};
struct window_bf16 : kernel::window<stage<depthwise<dtype::bf16>>> {};
struct window_i64 : kernel::window<stage<depthwise<dtype::i64>>> {};
struct window_pool_f32 : kernel::window<stage<scaled_pool<dtype::f32>>> {};
struct matmul_f32 : kernel::kernel_of<stage<plain<dtype::f32>>> {};
struct matmul_f64 : kernel::kernel_of<stage<plain<dtype::f64>>> {};
struct matmul_i64 : kernel::kernel_of<stage<plain<dtype::i64>>> {};
struct matmul_bf16 : kernel::kernel_of<stage<plain<dtype::bf16>>> {};
struct matmul_f16 : kernel::kernel_of<stage<plain<dtype::f16>>> {};
struct matmul_dense_f32 : kernel::kernel_of<stage<dense<dtype::f32>>> {};
struct matmul_dense_bf16 : kernel::kernel_of<stage<dense<dtype::bf16>>> {};
struct matmul_fused_f32 : kernel::kernel_of<stage<fused<dtype::f32>>> {};
struct matmul_fused_f64 : kernel::kernel_of<stage<fused<dtype::f64>>> {};
struct matmul_fused_bf16 : kernel::kernel_of<stage<fused<dtype::bf16>>> {};
struct matmul_zeros_f32 : kernel::kernel_of<stage<among_zeros<dtype::f32>>> {};
struct matmul_zeros_bf16 : kernel::kernel_of<stage<among_zeros<dtype::bf16>>> {};
struct matmul_folded_f32 : kernel::kernel_of<stage<folded<dtype::f32>>> {};
struct matmul_folded_bf16 : kernel::kernel_of<stage<folded<dtype::bf16>>> {};
struct matmul_direct_f32 : kernel::direct_matmul<stage<among_zeros<dtype::f32, true>>> {};
struct matmul_direct_bf16
    : kernel::direct_matmul<stage<image_layer<dtype::bf16, dtype::bf16, false>>> {};
struct matmul_direct_f64
    : kernel::direct_matmul<stage<image_layer<dtype::f64, dtype::f64, false>>> {};
struct matmul_direct_i8 : kernel::direct_matmul<stage<image_layer<dtype::i8, dtype::i32, false>>> {
};
struct matmul_direct_pooled_f32
    : kernel::direct_matmul<stage<image_layer<dtype::f32, dtype::f32, true>>> {};
struct matmul_tf32 : kernel::kernel_of<stage<plain_tf32>> {};
struct matmul_fused_tf32 : kernel::kernel_of<stage<fused_cores<dtype::f32, dtype::f32>>> {};
struct matmul_i8 : kernel::kernel_of<stage<bytes<dtype::i8, dtype::i8, dtype::i32>>> {};
struct matmul_u8_i8 : kernel::kernel_of<stage<bytes<dtype::u8, dtype::i8, dtype::i32>>> {};
struct matmul_fused_i8 : kernel::kernel_of<stage<fused_cores<dtype::i8, dtype::i32>>> {};
struct matmul_rounded : kernel::kernel_of<stage<rounded>> {};

template <class... K>
void keep(const void** entries) {
    ((*entries++ = sinter::simt::entry_pointer<K>()), ...);
}
const void* entries[55];
void all() {
    keep<map_f32,
         map_f64,
         map_bf16,
         map_i64,
         map_mixed,
         map_functor,
         map_unary,
         map_long,
         row_softmax_f32,
         row_softmax_f64,
         row_softmax_bf16,
         row_log_softmax_f32,
         row_layer_norm_f32,
         row_peaks_f32,
         row_peaks_bool,
         row_sum_i64,
         row_totals_f32,
         row_columns_f32,
         row_columns_bf16,
         reduce_f32,
         reduce_f64,
         reduce_bf16,
         reduce_i64,
         reduce_running_f32,
         reduce_count_bool,
         window_f32,
         window_f64,
         window_bf16,
         window_i64,
         window_pool_f32,
         matmul_f32,
         matmul_f64,
         matmul_i64,
         matmul_bf16,
         matmul_f16,
         matmul_dense_f32,
         matmul_dense_bf16,
         matmul_fused_f32,
         matmul_fused_f64,
         matmul_fused_bf16,
         matmul_zeros_f32,
         matmul_zeros_bf16,
         matmul_folded_f32,
         matmul_folded_bf16,
         matmul_direct_f32,
         matmul_direct_bf16,
         matmul_direct_f64,
         matmul_direct_i8,
         matmul_direct_pooled_f32,
         matmul_tf32,
         matmul_fused_tf32,
         matmul_i8,
         matmul_u8_i8,
         matmul_fused_i8,
         matmul_rounded>(entries);
}

}  // namespace catalogue
