/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model of the FIFO event-channel ABI: a port that moves between two vCPUs
 *
 * fifo.pml has one vCPU and one lock.  Here two vCPUs have a queue and a lock
 * each, to show that the right locks are taken: those of the port's vCPU and of
 * the vCPU whose queue the port is, or was last, linked on.  A sender checks
 * that these are still the same once it holds their locks (evtchn_lock_port()).
 * Each atomic operation of the engine is a step, and so is each other access to
 * memory that guest and engine share.
 *
 *   two senders: one sends to both ports, the other to port 1, or (LONG) to
 *   both in the other order;
 *   port 1 moves to the other vCPU and back, by EVTCHNOP_bind_vcpu;
 *   a consumer for each vCPU.
 *
 * At the end no port may be pending, and a consumer may find only ports that
 * the engine has put on its queue.
 *
 * To see what each rule is for, compile with one of these:
 *   ONE_LOCK        a sender takes the lock of the port's vCPU only
 *   NO_RECHECK      it does not check again once it holds the locks
 *   NO_TAIL_FORGET  a tail is not cleared when its port changes its queue
 *   MOVE_LINKED     a linked port counts as on its new queue immediately
 */
#define NR_PORTS    3               /* port 0 is none */
#define NR_VCPUS    2

/* The event words. */
bool pending[NR_PORTS], linked[NR_PORTS];
byte link[NR_PORTS];

/* Control blocks, of which only one queue is used, and upcall flags. */
byte head[NR_VCPUS];
bool ready[NR_VCPUS];
bool upcall[NR_VCPUS];

/* The engine's state. */
byte tail[NR_VCPUS];
byte vcpu_of[NR_PORTS];             /* both together are one atomic word */
byte queue_of[NR_PORTS];
bool locked[NR_VCPUS];

inline lock(v)
{
    atomic { !locked[v] -> locked[v] = true }
}

/* In ascending order, each lock once. */
inline lock_pair(a, b)
{
    if
    :: a == b -> lock(a)
    :: else -> lock(0); lock(1)
    fi
}

inline unlock_pair(a, b)
{
    d_step { locked[a] = false; locked[b] = false }
}

/* Sets v to the port's vCPU and o to its queue's vCPU. */
inline lock_port(port)
{
    do
    :: d_step { v = vcpu_of[port]; o = queue_of[port] }
#ifdef ONE_LOCK
        lock_pair(v, v);
#else
        lock_pair(v, o);
#endif
#ifdef NO_RECHECK
        break
#else
        if
        :: v == vcpu_of[port] && o == queue_of[port] -> break
        :: else ->
#ifdef ONE_LOCK
            unlock_pair(v, v)
#else
            unlock_pair(v, o)
#endif
        fi
#endif
    od
}

inline unlock_port()
{
#ifdef ONE_LOCK
    unlock_pair(v, v)
#else
    unlock_pair(v, o)
#endif
}

/* Puts a port, which has just become LINKED, on its queue. */
inline enqueue(port)
{
#ifndef NO_TAIL_FORGET
    if
    :: tail[o] == port -> tail[o] = 0
    :: else
    fi;
#endif
    queue_of[port] = v;
    was_linked = false;
    if
    :: tail[v] != 0 ->
        atomic { was_linked = linked[tail[v]]; link[tail[v]] = port }
        if
        :: !was_linked -> link[tail[v]] = 0
        :: else
        fi
    :: else
    fi;
    tail[v] = port;
    if
    :: was_linked
    :: else ->
        head[v] = port;
        atomic { was_ready = ready[v]; ready[v] = true }
        if
        :: !was_ready -> upcall[v] = true
        :: else
        fi
    fi
}

/* The first alternative is a compare-and-swap, which may also fail. */
inline send(port)
{
    lock_port(port);
    if
    :: atomic {
           !pending[port] && !linked[port] ->
           pending[port] = true; linked[port] = true
       }
       enqueue(port)
    :: atomic { pending[port] = true; was_linked = linked[port] }
       if
       :: was_linked
       :: else ->
           atomic { was_linked = linked[port]; linked[port] = true }
           if
           :: was_linked
           :: else -> enqueue(port)
           fi
       fi
    fi;
    unlock_port()
}

/* EVTCHNOP_bind_vcpu of port 1: all three vCPUs' locks, so both. */
inline move(to)
{
    lock_pair(0, 1);
#ifdef MOVE_LINKED
    if
    :: true ->
#else
    if
    :: !linked[1] ->
#endif
        if
        :: tail[queue_of[1]] == 1 -> tail[queue_of[1]] = 0
        :: else
        fi;
        queue_of[1] = to
    :: else
    fi;
    vcpu_of[1] = to;
    unlock_pair(0, 1);

    /* If it is pending and not on a queue, the new vCPU is notified. */
    lock_port(1);
    if
    :: pending[1] ->
        atomic { was_linked = linked[1]; linked[1] = true }
        if
        :: was_linked
        :: else -> enqueue(1)
        fi
    :: else
    fi;
    unlock_port()
}

byte busy = 3;                      /* processes that have not finished */

proctype sender(byte first, second)
{
    byte v, o;
    bool was_linked, was_ready;

    send(first);
    if
    :: second != 0 -> send(second)
    :: else
    fi;
    busy--
}

proctype mover()
{
    byte v, o;
    bool was_linked, was_ready;

    move(1);
    move(0);
    busy--
}

proctype consumer(byte me)
{
    byte port, next;
    bool mine;

end:
    do
    :: atomic { upcall[me] -> upcall[me] = false }
        atomic { mine = ready[me]; ready[me] = false }
        do
        :: !mine -> break
        :: else ->
            port = head[me];
            do
            :: port == 0 -> break
            :: else ->
                atomic {
                    assert(linked[port] && queue_of[port] == me);
                    next = link[port]; linked[port] = false; link[port] = 0
                }
                pending[port] = false;
                port = next
            od;
            atomic { mine = ready[me]; ready[me] = false }
        od
    od
}

init {
    atomic {
        run consumer(0);
        run consumer(1);
        run sender(1, 2);
#ifdef LONG
        run sender(2, 1);
#else
        run sender(1, 0);
#endif
        run mover()
    }
    /* No other process can make a step. */
    timeout;
    assert(busy == 0 && !pending[1] && !pending[2])
}
