#include "trace/trace-target_i386_xen.h"
