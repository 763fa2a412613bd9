#include "trace/trace-hw_xen_pv_net.h"
