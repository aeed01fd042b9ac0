#!/bin/sh
# Writes what runs on this unit as one text, for: auscult scan IMAGE --runtime FILE
#   sh capture.sh > capture.txt
# It reads /proc and nothing else, changes nothing, and ends by itself. It needs a POSIX shell with
# cat, id, ls and tr (BusyBox will do). Run it as root, or what others own stays unseen.
tab=$(printf '\t')
echo "auscult-capture${tab}1"
read -r release < /proc/sys/kernel/osrelease && echo "kernel${tab}$release"
echo "cmdline${tab}$(cat /proc/cmdline)"
[ "$(id -u 2>/dev/null)" = 0 ] && echo "root${tab}yes" || echo "root${tab}no"
# What a link in /proc leads to; readlink is not on every unit.
link() {
    found=$(ls -l "$1" 2>/dev/null)
    case $found in
        *" -> "*) found=${found#* -> } ;;
        *) found= ;;
    esac
}
for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    [ "$pid" = $$ ] && continue
    link "$folder/exe"
    # Threads of the kernel have no program.
    [ -n "$found" ] || continue
    program=$found uid=
    while read -r key value _; do
        [ "$key" = Uid: ] && uid=$value && break
    done < "$folder/status" 2>/dev/null
    arguments=$(tr '\0\n\t' '   ' < "$folder/cmdline" 2>/dev/null)
    echo "process${tab}$pid${tab}$uid${tab}$program${tab}$arguments"
    last=
    while read -r _ rights _ _ _ path; do
        case $rights in
            ??x?) [ -n "$path" ] && [ "$path" != "$last" ] && echo "map${tab}$pid${tab}$path" && last=$path ;;
        esac
    done < "$folder/maps" 2>/dev/null
    for descriptor in "$folder"/fd/*; do
        link "$descriptor"
        case $found in
            socket:*) inode=${found#socket:[}; echo "socket${tab}${inode%]}${tab}$pid" ;;
        esac
    done
done
for table in tcp tcp6 udp udp6; do
    [ -r /proc/net/$table ] || continue
    while read -r _ local _ state _ _ _ _ _ inode _; do
        # Sockets that listen: 0A of TCP, 07 of UDP.
        case $table$state in
            tcp0A|tcp60A|udp07|udp607) echo "listen${tab}$table${tab}$local${tab}$inode" ;;
        esac
    done < /proc/net/$table
done
if [ -r /proc/modules ]; then
    echo "modules${tab}known"
    while read -r name _; do echo "module${tab}$name"; done < /proc/modules
fi
while read -r device place kind options _; do
    echo "mount${tab}$device${tab}$place${tab}$kind${tab}$options"
done < /proc/mounts
echo "end"
