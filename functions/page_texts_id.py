"""The hosted page in Indonesian."""

from __future__ import annotations

from functions.link_view import Screen
from functions.page_numbers import Numbers, PluralForm, no_plural
from functions.page_texts import Explanation, Message, PageTexts
from storage.models import Phase, ReasonCode

_ASK_AGAIN = "Minta kode baru. Jika terjadi lagi, beri tahu {workspace}."

INDONESIAN = PageTexts(
    locale="id",
    name="Bahasa Indonesia",
    direction="ltr",
    numbers=Numbers(
        plural=no_plural,
        group=".",
        seconds={PluralForm.OTHER: "{n} detik"},
        minutes={PluralForm.OTHER: "{n} menit"},
    ),
    languages="Bahasa",
    asks="{workspace} meminta untuk menautkan WhatsApp Anda. Anda bisa membatalkannya di ponsel.",
    about="Tautan WhatsApp Anda dengan {workspace}",
    means="Dengan menautkan, {workspace} ditambahkan ke perangkat tertaut di WhatsApp Anda. Perangkat "
    "tertaut bisa membaca dan mengirim pesan atas nama Anda, seperti WhatsApp Web, sampai Anda menghapusnya.",
    expects="Gunakan WhatsApp dengan nomor yang berakhiran {ending}.",
    remove_later="Untuk membatalkannya nanti: di WhatsApp, buka “Perangkat tertaut”, ketuk perangkatnya, "
    "lalu “Keluar”.",
    screens={
        Screen.NOT_STARTED: Message(
            "Tautkan WhatsApp Anda",
            "Siapkan ponsel Anda. Kode muncul dalam beberapa detik dan berlaku sekitar satu menit.",
        ),
        Screen.QUEUED: Message(
            "Anda sedang dalam antrean",
            "Banyak orang sedang menautkan WhatsApp saat ini. Kode Anda akan muncul sendiri; "
            "biarkan halaman ini terbuka.",
        ),
        Screen.PREPARING: Message("Menyiapkan kode Anda", "Kode akan muncul sendiri di sini."),
        Screen.SCAN: Message("Pindai kode ini dengan WhatsApp", "Menunggu ponsel Anda."),
        Screen.CODE: Message("Masukkan kode ini di WhatsApp", "Untuk WhatsApp dengan nomor {phone}."),
        Screen.PASSKEY: Message(
            "Konfirmasi di ponsel Anda",
            "Pemindaian berhasil, dan WhatsApp melindungi akun ini dengan kunci sandi (passkey). Hanya "
            "pemilik akun yang bisa mengonfirmasi, di ponselnya sendiri; halaman ini maupun {workspace} "
            "tidak bisa melakukannya untuk Anda.",
            "Jika ponsel memintanya, konfirmasikan di sana dan biarkan halaman ini terbuka. Jika tidak, "
            "WhatsApp belum mengizinkan penautan ini: beri tahu {workspace}.",
        ),
        Screen.LINKING: Message("Ponsel Anda sudah setuju", "Penautan memerlukan beberapa detik."),
        Screen.LINKED: Message(
            "WhatsApp sudah tertaut",
            "Nomor ini sekarang tertaut dengan {workspace}.",
            "Anda boleh menutup halaman ini.",
        ),
        Screen.LINKED_WITHOUT_NUMBER: Message(
            "WhatsApp sudah tertaut",
            "Akun Anda tertaut dengan {workspace}. WhatsApp belum memberitahukan nomornya kepada kami.",
            "Anda boleh menutup halaman ini.",
        ),
        Screen.RECONNECTING: Message(
            "Tertaut, sedang menyambung kembali",
            "Akun tetap tertaut dengan {workspace}. Koneksinya terputus dan sedang dipulihkan.",
            "Anda tidak perlu melakukan apa pun.",
        ),
        Screen.EXPIRED: Message("Kode sudah kedaluwarsa", "Tidak ada yang memindainya tepat waktu."),
        Screen.LOGGED_OUT: Message("Tidak lagi tertaut", "Akun ini sudah tidak tertaut dengan {workspace}."),
        Screen.FAILED: Message("Belum berhasil", "Akun Anda tidak tertaut."),
        Screen.REPLACED: Message(
            "Diganti dengan tautan yang lebih baru",
            "Nomor yang sama ditautkan lagi dengan {workspace}, dan tautan lama ini sudah berakhir.",
            "Anda tidak perlu melakukan apa pun. Tautan yang baru berfungsi.",
        ),
        Screen.DELETED: Message(
            "Tautan ini sudah dihapus",
            "{workspace} mengakhiri tautan ini, dan semua isinya sudah dihapus.",
            "Untuk menautkan lagi, minta tautan baru kepada {workspace}.",
        ),
    },
    phases={
        Phase.LAUNCHING: "Menyalakan browser untuk Anda. Perlu beberapa detik.",
        Phase.LOADING: "Membuka WhatsApp Web. Perlu beberapa detik.",
        Phase.WAITING_FOR_QR: "WhatsApp sedang menyiapkan kode Anda. Hampir selesai.",
        Phase.WAITING_FOR_SCAN: "Menunggu ponsel Anda.",
        Phase.LINKING: "WhatsApp sedang menautkan perangkat ini. Jaga agar ponsel Anda tetap daring.",
        Phase.SYNCING: "WhatsApp sedang menyinkronkan dengan ponsel Anda. Jaga agar tetap daring; ini bisa "
        "memakan waktu semenit.",
        Phase.READING_PHONE: "Membaca nomor telepon Anda.",
    },
    reasons={
        ReasonCode.QR_TIMEOUT: Explanation(
            "Tidak ada yang memindai kode tepat waktu.",
            "Buka WhatsApp di ponsel Anda, lalu minta kode baru.",
        ),
        ReasonCode.LAUNCH_TIMEOUT: Explanation(
            "Browser untuk tautan Anda tidak menyala tepat waktu.", _ASK_AGAIN
        ),
        ReasonCode.LOAD_TIMEOUT: Explanation(
            "WhatsApp Web terlalu lama terbuka.", "Tunggu satu menit, lalu minta kode baru."
        ),
        ReasonCode.LINK_TIMEOUT: Explanation(
            "Ponsel Anda menerima kode, tetapi WhatsApp tidak menyelesaikan penautan.",
            "Pastikan ponsel Anda daring, lalu minta kode baru.",
        ),
        ReasonCode.BROWSER_REFUSED: Explanation(
            "WhatsApp tidak menerima browser di balik halaman ini.",
            "Beri tahu {workspace}; mencoba lagi hampir tidak akan membantu.",
        ),
        ReasonCode.BROWSER_CRASH: Explanation("Browser untuk tautan Anda berhenti.", _ASK_AGAIN),
        ReasonCode.PAGE_UNREACHABLE: Explanation(
            "WhatsApp Web saat ini tidak bisa dijangkau.", "Tunggu satu menit, lalu minta kode baru."
        ),
        ReasonCode.PAGE_BROKEN: Explanation(
            "WhatsApp Web berubah dengan cara yang belum kami pahami.",
            "Beri tahu {workspace}; mencoba lagi hampir tidak akan membantu.",
        ),
        ReasonCode.SOCKET_LOST: Explanation(
            "Koneksi ke WhatsApp terputus.", "Pastikan ponsel Anda daring, lalu minta kode baru."
        ),
        ReasonCode.NODE_LOST: Explanation("Komputer yang memegang tautan Anda berhenti.", _ASK_AGAIN),
        ReasonCode.WA_LOGOUT: Explanation(
            "Perangkat ini dihapus di WhatsApp, lewat ponsel atau oleh WhatsApp sendiri.",
            "Untuk menautkannya lagi, minta kode baru.",
        ),
        ReasonCode.WA_CONFLICT: Explanation(
            "Menurut WhatsApp, tautan ini dibuka di tempat lain.",
            "Tutup WhatsApp Web di tempat lain, lalu minta kode baru.",
        ),
        ReasonCode.PASSKEY: Explanation(
            "WhatsApp meminta kunci sandi (passkey), dan itu tidak dikonfirmasi tepat waktu. Hanya pemilik "
            "akun yang bisa mengonfirmasi, di ponselnya sendiri.",
            "Minta kode baru jika Anda bisa mengonfirmasi sekarang. Jika ponsel tidak memintanya, beri tahu "
            "{workspace}.",
        ),
        ReasonCode.RESTORE_CORRUPT: Explanation(
            "Tautan yang tersimpan tidak bisa dipulihkan.", "Untuk menautkan lagi, minta kode baru."
        ),
        ReasonCode.RESTORE_MISSING: Explanation(
            "Tautan yang tersimpan tidak ditemukan lagi.", "Untuk menautkan lagi, minta kode baru."
        ),
        ReasonCode.STORE_UNAVAILABLE: Explanation(
            "Tempat penyimpanan tautan tidak menjawab.",
            "Anda tidak perlu melakukan apa pun: kami terus mencoba.",
        ),
        ReasonCode.CAPACITY: Explanation(
            "Terlalu banyak orang menautkan pada saat itu.", "Tunggu satu menit, lalu minta kode baru."
        ),
        ReasonCode.MEMORY_LIMIT: Explanation(
            "WhatsApp Web memerlukan memori lebih dari yang tersedia.", _ASK_AGAIN
        ),
        ReasonCode.REQUESTED: Explanation(
            "{workspace} mengakhiri tautan ini.", "Untuk menautkan lagi, minta kode baru."
        ),
        ReasonCode.DUPLICATE: Explanation(
            "Nomor ini sudah tertaut dengan {workspace}.",
            "Untuk menautkan nomor lain, minta kode baru.",
        ),
        ReasonCode.WRONG_NUMBER: Explanation(
            "{workspace} menunggu nomor lain, jadi akun ini langsung dikeluarkan lagi.",
            "Ambil ponsel dengan nomor yang berakhiran {ending}, lalu minta kode baru.",
        ),
        ReasonCode.ACCOUNT_RESTRICTED: Explanation(
            "WhatsApp membatasi akun ini, dan untuk sementara tidak mengizinkannya memakai perangkat "
            "tertaut.",
            "Buka WhatsApp di ponsel Anda untuk melihat alasannya dan sampai kapan. Lalu minta kode baru.",
        ),
    },
    unknown_reason=Explanation("Terjadi kesalahan di pihak kami.", _ASK_AGAIN),
    scan_steps=(
        "Buka WhatsApp di ponsel Anda.",
        "Ketuk Menu ⋮ di Android atau Pengaturan di iPhone, lalu “Perangkat tertaut”.",
        "Ketuk “Tautkan perangkat” dan arahkan ponsel ke kode ini.",
    ),
    code_steps=(
        "Buka WhatsApp di ponsel Anda, atau ketuk notifikasi dari WhatsApp.",
        "Ketuk Menu ⋮ di Android atau Pengaturan di iPhone, lalu “Perangkat tertaut”.",
        "Ketuk “Tautkan perangkat”, lalu “Tautkan dengan nomor telepon saja”, dan masukkan kode ini.",
    ),
    help_summary="Ponsel saya menolaknya",
    help_lines=(
        "Muncul pesan bahwa perangkat tertaut terlalu banyak: WhatsApp mengizinkan empat. Di “Perangkat "
        "tertaut”, keluarkan salah satu, lalu coba lagi.",
        "Muncul pesan bahwa Anda tidak bisa menautkan perangkat saat ini: WhatsApp membatasi akun untuk "
        "sementara. Hanya WhatsApp yang bisa mencabutnya; coba lagi nanti.",
        "Ponsel meminta sidik jari, wajah, atau kunci sandi: itu cara WhatsApp melindungi Anda. "
        "Konfirmasikan di ponsel Anda sendiri.",
        "Tidak terjadi apa-apa: pastikan ponsel daring dan WhatsApp versi terbaru.",
    ),
    qr_label="Kode QR untuk dipindai dengan WhatsApp di ponsel Anda",
    qr_ends="Berlaku selama {time}",
    code_ends="Berlaku selama {time}",
    passkey_ends="Sisa waktu untuk konfirmasi: {time}",
    qr_renewing="Mengambil kode baru",
    queue_position="Urutan Anda dalam antrean: {position}",
    queue_wait="Sekitar {time} lagi",
    takes_longer="Ini lebih lama dari biasanya. Kami terus mencoba; biarkan halaman ini terbuka, atau "
    "kembali nanti.",
    start="Tampilkan kode",
    new_qr="Minta kode baru",
    back_to="Kembali ke {workspace}",
    returning="Anda akan dibawa kembali ke {workspace} dalam {time}",
    stay="Tetap di sini",
    by_phone=Message(
        "Tautkan dengan nomor telepon",
        "Anda mendapat kode untuk dimasukkan di WhatsApp pada ponsel ini; tidak perlu memindai.",
    ),
    show_qr="Tampilkan kode QR saja",
    copy_code="Salin kode",
    code_copied="Tersalin",
    pairing_summary="Tautkan dengan nomor telepon",
    pairing_hint="Tidak ada layar kedua? Minta kode untuk dimasukkan di WhatsApp pada ponsel ini.",
    pairing_country="Negara",
    pairing_number="Nomor WhatsApp",
    pairing_field="Nomor WhatsApp, dengan kode negara",
    pairing_example="+62 812-3456-7890",
    pairing_submit="Minta kode",
    pairing_again="Gunakan nomor lain",
    phone_missing="Masukkan nomor WhatsApp Anda.",
    phone_without_country="Awali dengan + dan kode negara, seperti +62 812-3456-7890.",
    phone_wrong="Nomor telepon ini tidak lengkap. Periksa kode negara dan angkanya.",
    phone_not_expected="{workspace} menunggu nomor lain, yang berakhiran {ending}.",
    busy="Permintaan itu belum bisa dijalankan. Tunggu beberapa detik, lalu coba lagi.",
    retrying="Tidak ada koneksi. Mencoba lagi; yang Anda lihat mungkin sudah tidak berlaku.",
    refreshes_itself="Halaman ini memuat ulang sendiri setiap beberapa detik.",
    unknown_link=Message(
        "Tautan tidak ditemukan",
        "Tautan ini sudah diganti dengan yang lebih baru, atau alamatnya tidak lengkap.",
        "Pastikan Anda membuka alamat lengkapnya, atau minta tautan baru kepada pengirimnya.",
    ),
    expired_link=Message(
        "Tautan ini sudah kedaluwarsa",
        "Demi keamanan Anda, sebuah tautan hanya berlaku untuk waktu terbatas.",
        "Minta tautan baru kepada pengirimnya.",
    ),
    revoked_link=Message(
        "Tautan ini sudah diakhiri",
        "{workspace} mengakhiri tautan ini sebelum digunakan.",
        "Jika Anda masih ingin menautkan WhatsApp, minta tautan baru kepada {workspace}.",
    ),
    finished_link=Message(
        "WhatsApp sudah tertaut",
        "Tautan ini sudah selesai tugasnya dan ditutup demi keamanan Anda.",
        "Anda boleh menutup halaman ini. Yang tertaut bisa dilihat di WhatsApp, di “Perangkat tertaut”.",
    ),
    other_browser=Message(
        "Sudah dibuka di browser lain",
        "Demi keamanan Anda, sebuah tautan hanya berlaku di browser yang pertama membukanya.",
        "Lanjutkan di sana, atau minta tautan baru kepada {workspace} dan buka di sini. Jika ini browser "
        "yang sama, izinkan cookie untuk halaman ini.",
    ),
    card=Message(
        "Tautkan WhatsApp Anda dengan {workspace}", "Buka halaman ini untuk menautkan WhatsApp Anda."
    ),
    foreign_form=Message(
        "Bukan dari halaman ini",
        "Permintaan ini datang dari situs lain dan tidak dijalankan.",
        "Buka lagi tautan Anda dan gunakan tombol di sana.",
    ),
)
