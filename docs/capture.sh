#!/bin/sh
# Writes what runs on this unit as one text, for: auscult scan IMAGE --runtime FILE
#   sh capture.sh > capture.txt
# It reads /proc and nothing else, changes nothing, and ends by itself. It needs a POSIX shell with
# cat, id, ls and tr (BusyBox will do). Run it as root, or what others own stays unseen.
tab=$(printf '\t')
newline='
'
# Writes a line of fields with tabs between them. Not with echo, which makes a new line of the \n
# that stands in somebody's arguments; and a name may hold a tab or a new line itself.
say() {
    line=
    for field; do
        case $field in
            *"$tab"* | *"$newline"*) field=$(printf '%s' "$field" | tr '\n\t' '  ') ;;
        esac
        line=$line$tab$field
    done
    printf '%s\n' "${line#"$tab"}"
}
say auscult-capture 1
read -r release < /proc/sys/kernel/osrelease && say kernel "$release"
say cmdline "$(cat /proc/cmdline)"
# The sixth byte of an ELF file tells the order of bytes, in which /proc writes addresses.
marks=$(tr -cd '\001\002' < /proc/self/exe 2>/dev/null)
case $marks in
    ?"$(printf '\002')"*) say byte-order big ;;
    ?"$(printf '\001')"*) say byte-order little ;;
esac
[ "$(id -u 2>/dev/null)" = 0 ] && say root yes || say root no
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
    arguments=$(tr '\0' ' ' < "$folder/cmdline" 2>/dev/null)
    say process "$pid" "$uid" "$program" "$arguments"
    last=
    while read -r _ rights _ _ _ path; do
        case $rights in
            ??x?) [ -n "$path" ] && [ "$path" != "$last" ] && say map "$pid" "$path" && last=$path ;;
        esac
    done < "$folder/maps" 2>/dev/null
    for descriptor in "$folder"/fd/*; do
        link "$descriptor"
        case $found in
            socket:*) inode=${found#socket:[}; say socket "${inode%]}" "$pid" ;;
        esac
    done
done
for table in tcp tcp6 udp udp6; do
    [ -r /proc/net/$table ] || continue
    while read -r _ local _ state _ _ _ _ _ inode _; do
        # Sockets that listen: 0A of TCP, 07 of UDP.
        case $table$state in
            tcp0A|tcp60A|udp07|udp607) say listen "$table" "$local" "$inode" ;;
        esac
    done < /proc/net/$table
done
if [ -r /proc/modules ]; then
    say modules known
    while read -r name _; do say module "$name"; done < /proc/modules
fi
while read -r device place kind options _; do
    say mount "$device" "$place" "$kind" "$options"
done < /proc/mounts
say end
