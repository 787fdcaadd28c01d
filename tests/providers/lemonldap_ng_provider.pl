#!/usr/bin/perl
# LemonLDAP::NG, a single sign-on portal in Perl: one user, one client, a key and a configuration of its own.
use strict;
use warnings;

use Crypt::OpenSSL::RSA;
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use HTTP::Server::PSGI;
use IO::Socket::INET;
use JSON qw(decode_json encode_json);
use Plack::Builder;

my $told   = decode_json($ARGV[0]);
my $folder = tempdir('provider-XXXXXX', TMPDIR => 1);
my $keeper = $$;    # the process that removes it
END { remove_tree($folder) if $keeper == $$ }
my $key    = Crypt::OpenSSL::RSA->generate_key(2048);

my %client = (
    ClientID               => 'demo',
    DisplayName            => 'Valet Key demo',
    Public                 => 1,
    RequirePKCE            => 1,
    BypassConsent          => $told->{asks} ? 0 : 1,
    IDTokenSignAlg         => 'RS256',
    RefreshToken           => 1,                # else it gives one for `offline_access` alone
    AllowOffline           => 1,
    RedirectUris           => $told->{page},
    PostLogoutRedirectUris => $told->{page},
);
my $configuration = {
    cfgNum                          => 1,
    cfgDate                         => time,
    cfgAuthor                       => 'tests',
    portal                          => "http://$told->{host}/",
    domain                          => 'localhost',
    cookieName                      => 'lemonldap',
    key                             => unpack('H*', pack('L4', map { int rand 2**32 } 1 .. 4)),
    authentication                  => 'Demo',       # who knows the name of a user knows the password
    userDB                          => 'Same',
    passwordDB                      => 'Demo',
    demoExportedVars                => { cn => 'cn', mail => 'mail', uid => 'uid' },
    whatToTrace                     => 'uid',
    globalStorage                   => 'Apache::Session::File',
    globalStorageOptions            => { Directory => $folder, LockDirectory => $folder },
    issuerDBOpenIDConnectActivation => 1,
    oidcServiceMetaDataIssuer       => "http://$told->{host}",
    oidcServicePrivateKeySig        => $key->get_private_key_string,
    oidcServicePublicKeySig         => $key->get_public_key_x509_string,
    oidcServiceKeyIdSig             => 'signing',
    oidcRPMetaDataExportedVars      => { demo => { name => 'cn', email => 'mail' } },
    oidcRPMetaDataOptions           => { demo => { map { ("oidcRPMetaDataOptions$_" => $client{$_}) } keys %client } },
    portalForceAuthnInterval        => 5,            # seconds for which a login counts as a new one: the way back takes some
    cspFormAction                   => '*',          # a form may lead to the page
    cspFrameAncestors               => $told->{origin},
    locationRules                   => { localhost => { default => 'accept' } },
    # What a portal can do besides, and needs further packages for.
    (map { ($_ => 0) } qw(captcha_login_enabled captcha_register_enabled captcha_mail_enabled portalDisplayRegister portalDisplayResetPassword portalCheckLogins)),
};

sub keep {
    my ($name, $text) = @_;
    open my $file, '>', "$folder/$name" or die "$name: $!";
    print $file $text;
    close $file;
}
keep('lmConf-1.json', encode_json($configuration));
keep('lemonldap-ng.ini', <<"INI");
[all]
logLevel = error
[configuration]
type = File
dirName = $folder
localStorage = Cache::NullCache
[portal]
staticPrefix = /static
templateDir = /usr/share/lemonldap-ng/portal/templates
languages = en
INI

$ENV{LLNG_DEFAULTCONFFILE} = "$folder/lemonldap-ng.ini";
require Lemonldap::NG::Portal::Main;
require Lemonldap::NG::Portal::UserDB::Demo;
{
    no warnings 'once';
    $Lemonldap::NG::Portal::UserDB::Demo::demoAccounts{ $told->{user} } =
      { uid => $told->{user}, cn => $told->{name}, mail => $told->{email} };
}

my $portal = Lemonldap::NG::Portal::Main->new({});
$portal->init({}) or die $portal->error;
my $app    = builder {
    enable 'Static', path => sub { s#^/static/## }, root => '/usr/share/lemonldap-ng/portal/htdocs/static/';
    enable 'Static', path => sub { s#^/javascript/## }, root => '/usr/share/javascript/';

    # Its cookies are for a whole domain. WebKit refuses those for `localhost`.
    enable sub {
        my $app = shift;
        sub {
            my $answer = $app->(@_);
            s/; *domain=[^;]*//i for @{ $answer->[1] };
            $answer;
        }
    };
    $portal->run;
};

my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64, ReuseAddr => 1) or die "no port: $!";
my $server = $$;
$keeper = fork // die "no process: $!";
if ($keeper == 0) {

    # Ends the server when standard input does: with the process that started it, in any case.
    $keeper = $$;
    $SIG{TERM} = $SIG{INT} = sub { exit };
    1 while <STDIN>;
    kill 'KILL', $server;
    exit;
}
local $| = 1;
print $socket->sockport, "\n";
HTTP::Server::PSGI->new(listen_sock => $socket, host => '127.0.0.1', port => $socket->sockport)->run($app);
